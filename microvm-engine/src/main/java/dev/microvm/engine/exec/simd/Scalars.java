package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.simd.LaneOperation;
import dev.microvm.engine.simd.XmmFloatOperation.Of64;

/**
 * Conversions between a general register and a floating-point number, and comparisons that leave
 * flags: Intel SDM vol. 1, 11.4.1.6 and 11.4.1.4. XMM registers are given as indexes of their low
 * halves in {@link Cpu#xmm}.
 */
public final class Scalars {
    private static final LaneOperation CARRIES = (order, ignored) -> Flags.carriesOfOrder((int) order);

    private Scalars() {}

    /** CVTSI2SS and CVTSI2SD. */
    public static final class FromInteger extends EmittedSimd {
        private final Of64 operation;
        private final int to;
        private final Operand source;
        private final int unused;

        /** Makes one of an operation that has the integer and what the low half holds. */
        public FromInteger(Of64 operation, int to, Operand source, int size) {
            super(SimdAvailability.SSE);
            this.operation = operation;
            this.to = to;
            this.source = source;
            this.unused = Long.SIZE - size * Byte.SIZE;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long value = source.read(cpu, this) << unused >> unused;
            long result = operation.apply(value, xmm[to], cpu.mxcsr);
            if (!cpu.mxcsr.commit()) throw unmasked(cpu);
            xmm[to] = result;
        }

        @Override
        protected void emitWork(Code code) {
            int value = source.emitRead(code).signExtend(unused).keep();
            code.compute(operation, value, code.xmm(to).keep()).setXmm(to);
        }
    }

    /** CVTSS2SI, CVTSD2SI and those that truncate. */
    public static final class ToInteger extends EmittedSimd {
        private final Of64 operation;
        private final Operand target;
        private final XmmSource source;

        /** Makes one of an operation that has the number twice. */
        public ToInteger(Of64 operation, Operand target, XmmSource source) {
            super(SimdAvailability.SSE);
            this.operation = operation;
            this.target = target;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long bits = source.low(cpu, this);
            long result = operation.apply(bits, bits, cpu.mxcsr);
            if (!cpu.mxcsr.commit()) throw unmasked(cpu);
            target.write(cpu, result, this);
        }

        @Override
        protected void emitWork(Code code) {
            int bits = source.emitWord(code, source.emitHost(code), 0);
            code.compute(operation, bits, bits);
            target.emitWrite(code);
        }
    }

    /** UCOMISS, UCOMISD, COMISS and COMISD. */
    public static final class Compare extends EmittedSimd {
        private final Of64 operation;
        private final int left;
        private final XmmSource source;

        /** Makes one of an operation that returns an order. */
        public Compare(Of64 operation, int left, XmmSource source) {
            super(SimdAvailability.SSE);
            this.operation = operation;
            this.left = left;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long order = operation.apply(xmm[left], source.low(cpu, this), cpu.mxcsr);
            if (!cpu.mxcsr.commit()) throw unmasked(cpu);
            cpu.flagResult = order & 1;
            cpu.flagCarry = Flags.carriesOfOrder((int) order);
        }

        @Override
        protected void emitWork(Code code) {
            int right = source.emitWord(code, source.emitHost(code), 0);
            int order = code.compute(operation, code.xmm(left).keep(), right).keep();
            code.kept(order).constant(1).and();
            code.compute(CARRIES, order, order).setFlags();
        }
    }
}
