package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Mmu;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.Operand;

/**
 * Loads and stores of XMM registers, and moves between them: Intel SDM vol. 1, 10.4.1 and 11.4.1.
 * Registers are given as indexes of their low halves in {@link Cpu#xmm}.
 */
public final class XmmMoves {
    private static final int SIZE = 16;

    private XmmMoves() {}

    /** All of a register, from another or from memory. */
    public static final class Load extends EmittedSimd {
        private final int to;
        private final XmmSource source;

        public Load(int to, XmmSource source) {
            super(SimdAvailability.SSE);
            this.to = to;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long low = source.low(cpu, this);
            xmm[to + 1] = source.high(cpu, this);
            xmm[to] = low;
        }

        @Override
        protected void emitWork(Code code) {
            XmmSource.Pair value = source.emit(code);
            code.kept(value.low()).setXmm(to);
            code.kept(value.high()).setXmm(to + 1);
        }
    }

    /** The low half of a register, from another or from memory; the high half becomes 0. */
    public static final class LoadLow extends EmittedSimd {
        private final int to;
        private final XmmSource source;

        public LoadLow(int to, XmmSource source) {
            super(SimdAvailability.SSE);
            this.to = to;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            xmm[to] = source.low(cpu, this);
            xmm[to + 1] = 0;
        }

        @Override
        protected void emitWork(Code code) {
            XmmSource.Pair value = source.emit(code);
            code.kept(value.low()).setXmm(to);
            code.constant(0).setXmm(to + 1);
        }
    }

    /** A value of up to 8 bytes into a register, of which the rest becomes 0. */
    public static final class LoadScalar extends EmittedSimd {
        private final int to;
        private final Operand source;

        public LoadScalar(int to, Operand source) {
            super(SimdAvailability.SSE);
            this.to = to;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            xmm[to] = source.read(cpu, this);
            xmm[to + 1] = 0;
        }

        @Override
        protected void emitWork(Code code) {
            source.emitRead(code).setXmm(to);
            code.constant(0).setXmm(to + 1);
        }
    }

    /** MOVSS and MOVSD between registers: the low element alone. */
    public static final class CopyScalar extends EmittedSimd {
        private static final long ALL_BUT_LOW_FLOAT = 0xFFFF_FFFF_0000_0000L;

        private final int to;
        private final int from;
        private final long kept;

        /** Makes one of 4 or 8 bytes. */
        public CopyScalar(int to, int from, int size) {
            super(SimdAvailability.SSE);
            this.to = to;
            this.from = from;
            this.kept = size == Long.BYTES ? 0 : ALL_BUT_LOW_FLOAT;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            xmm[to] = (xmm[to] & kept) | (xmm[from] & ~kept);
        }

        @Override
        protected void emitWork(Code code) {
            if (kept == 0) code.xmm(from);
            else
                code.xmm(to)
                        .constant(kept)
                        .and()
                        .xmm(from)
                        .constant(~kept)
                        .and()
                        .or();
            code.setXmm(to);
        }
    }

    /** MOVHLPS and MOVLHPS: a half of a register, from a half of another. */
    public static final class CopyHalf extends EmittedSimd {
        private final int to;
        private final int from;

        public CopyHalf(int to, int from) {
            super(SimdAvailability.SSE);
            this.to = to;
            this.from = from;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            xmm[to] = xmm[from];
        }

        @Override
        protected void emitWork(Code code) {
            code.xmm(from).setXmm(to);
        }
    }

    /** A half of a register, from memory. */
    public static final class LoadHalf extends EmittedSimd {
        private final int half;
        private final Operand source;

        public LoadHalf(int half, Operand source) {
            super(SimdAvailability.SSE);
            this.half = half;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            xmm[half] = source.read(cpu, this);
        }

        @Override
        protected void emitWork(Code code) {
            source.emitRead(code).setXmm(half);
        }
    }

    /** A half of a register, or the low part of it, to memory or to a general register. */
    public static final class StoreHalf extends EmittedSimd {
        private final int half;
        private final Operand target;

        public StoreHalf(int half, Operand target) {
            super(SimdAvailability.SSE);
            this.half = half;
            this.target = target;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            target.write(cpu, xmm[half], this);
        }

        @Override
        protected void emitWork(Code code) {
            if (target instanceof Operand.Memory memory) {
                int host = memory.emitHost(code, Mmu.WRITE);
                code.xmm(half).write(host, memory.size());
            } else {
                code.xmm(half);
                target.emitWrite(code);
            }
        }
    }

    /** All of a register, to memory. */
    public static final class Store extends EmittedSimd {
        private final int from;
        private final Address address;
        private final boolean aligned;

        public Store(int from, Address address, boolean aligned) {
            super(SimdAvailability.SSE);
            this.from = from;
            this.address = address;
            this.aligned = aligned;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long linear = address.linear(cpu);
            if (aligned && (linear & SIZE - 1) != 0) throw cpu.fault(Vectors.GP, 0, this);
            cpu.mmu.probeWrite(linear, SIZE, this);
            cpu.mmu.store64(linear, xmm[from], this);
            cpu.mmu.store64(linear + Long.BYTES, xmm[from + 1], this);
        }

        @Override
        protected void emitWork(Code code) {
            int linear = address.emit(code).keep();
            if (aligned) code.requireAligned(linear, SIZE);
            int host = code.host(linear, SIZE, Mmu.WRITE);
            code.xmm(from).write(host, Long.BYTES);
            int above = code.kept(host).constant(Long.BYTES).add().keep();
            code.xmm(from + 1).write(above, Long.BYTES);
        }
    }
}
