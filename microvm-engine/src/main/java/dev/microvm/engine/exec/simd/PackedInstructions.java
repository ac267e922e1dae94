package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.simd.LaneOperation;
import dev.microvm.engine.simd.XmmFloatOperation;
import dev.microvm.engine.simd.XmmOperation;

/**
 * Instructions of two operands, of which the first is the target: what they compute is an operation
 * of {@code dev.microvm.engine.simd}. XMM registers are given as indexes of their low halves in
 * {@link Cpu#xmm}.
 */
public final class PackedInstructions {
    private PackedInstructions() {}

    /** On integers in XMM registers. */
    public static final class Integers extends EmittedSimd {
        private final XmmOperation operation;
        private final int to;
        private final XmmSource source;

        public Integers(XmmOperation operation, int to, XmmSource source) {
            super(SimdAvailability.SSE);
            this.operation = operation;
            this.to = to;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long low = source.low(cpu, this);
            operation.apply(xmm, to, low, source.high(cpu, this));
        }

        @Override
        protected void emitWork(Code code) {
            XmmSource.Pair second = source.emit(code);
            code.apply(operation, to, second.low(), second.high());
        }
    }

    /** On floating-point numbers in XMM registers. */
    public static final class Floats extends EmittedSimd {
        private final XmmFloatOperation operation;
        private final int to;
        private final XmmSource source;

        public Floats(XmmFloatOperation operation, int to, XmmSource source) {
            super(SimdAvailability.SSE);
            this.operation = operation;
            this.to = to;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long low = source.low(cpu, this);
            long high = source.high(cpu, this);
            if (!operation.apply(xmm, to, low, high, cpu.mxcsr)) throw unmasked(cpu);
        }

        @Override
        protected void emitWork(Code code) {
            XmmSource.Pair second = source.emit(code);
            code.apply(operation, to, second.low(), second.high());
        }
    }

    /** On integers in MMX registers, given by their numbers. */
    public static final class Mmx extends CheckedSimd {
        private final LaneOperation operation;
        private final int to;
        private final MmxSource source;

        public Mmx(LaneOperation operation, int to, MmxSource source) {
            super(SimdAvailability.MMX);
            this.operation = operation;
            this.to = to;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long value = source.read(cpu, this);
            cpu.fpu.enterMmx();
            cpu.fpu.mmx(to, operation.apply(cpu.fpu.mmx(to), value));
        }
    }
}
