package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Mmu;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.simd.XmmFloatOperation;
import dev.microvm.engine.simd.XmmOperation;
import java.util.Arrays;

/**
 * VEX forms of instructions of SSE: a target of its own beside two operands, 128 or 256 bits, no
 * alignment, and zeros above what is written. What they compute is the operation of the SSE form,
 * done once for each lane of 128 bits. Registers are given as indexes of their low halves in {@link
 * Cpu#xmm}.
 *
 * <p>Source: Intel SDM vol. 1, 14.1 and 14.3.
 */
public final class VexInstructions {
    private static final int HIGH = Cpu.YMM_HIGH;
    private static final int SCRATCH = Cpu.VECTOR_SCRATCH;
    private static final int SCRATCH_HIGH = SCRATCH + 2;

    private VexInstructions() {}

    /** What the upper lane takes of the second operand, and where its result goes. */
    public enum Lanes {
        /** Either lane has its own. */
        EACH,
        /** A count, which is that of the low lane. */
        COUNT,
        /** The elements after those of the low lane, which are 8, 4 or 2 bytes. */
        WIDEN_8,
        WIDEN_4,
        WIDEN_2,
        /** Its own; the results, of 64 bits each, are the low lane. */
        NARROW
    }

    /** The low half of what the upper lane takes. */
    private static long highLow(Lanes lanes, Cpu cpu, XmmSource source, CheckedSimd at) {
        return switch (lanes) {
            case EACH, NARROW -> source.word(cpu, at, 2);
            case COUNT -> source.word(cpu, at, 0);
            case WIDEN_8 -> source.word(cpu, at, 1);
            case WIDEN_4 -> source.word(cpu, at, 0) >>> Integer.SIZE;
            case WIDEN_2 -> source.word(cpu, at, 0) >>> Short.SIZE;
        };
    }

    private static boolean hasHighHigh(Lanes lanes) {
        return lanes == Lanes.EACH || lanes == Lanes.NARROW;
    }

    /** The index of a word of a YMM register. */
    private static int word(int register, int number) {
        return register + (number & 1) + (number >> 1) * HIGH;
    }

    /** Copies a lane; both are words of the register array, equal or apart. */
    private static void copy(long[] xmm, int from, int to) {
        xmm[to] = xmm[from];
        xmm[to + 1] = xmm[from + 1];
    }

    private static void clearHigh(long[] xmm, int register) {
        xmm[register + HIGH] = 0;
        xmm[register + HIGH + 1] = 0;
    }

    // The same as bytecode

    private static int emitHighLow(Lanes lanes, Code code, XmmSource source, int host) {
        return switch (lanes) {
            case EACH, NARROW -> source.emitWord(code, host, 2);
            case COUNT -> source.emitWord(code, host, 0);
            case WIDEN_8 -> source.emitWord(code, host, 1);
            case WIDEN_4 ->
                code.kept(source.emitWord(code, host, 0))
                        .shiftRightUnsigned(Integer.SIZE)
                        .keep();
            case WIDEN_2 ->
                code.kept(source.emitWord(code, host, 0))
                        .shiftRightUnsigned(Short.SIZE)
                        .keep();
        };
    }

    private static void emitCopy(Code code, int from, int to) {
        if (from == to) return;
        code.xmm(from).setXmm(to);
        code.xmm(from + 1).setXmm(to + 1);
    }

    private static void emitClearHigh(Code code, int register) {
        code.constant(0).setXmm(register + HIGH);
        code.constant(0).setXmm(register + HIGH + 1);
    }

    /** On integers in XMM registers. */
    public static final class Integers128 extends EmittedSimd {
        private final XmmOperation operation;
        private final int to;
        private final int first;
        private final XmmSource source;

        /** Makes one; {@code first} may be {@code to} if the operation has one operand. */
        public Integers128(XmmOperation operation, int to, int first, XmmSource source) {
            super(SimdAvailability.AVX);
            this.operation = operation;
            this.to = to;
            this.first = first;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long low = source.word(cpu, this, 0);
            long high = source.word(cpu, this, 1);
            copy(xmm, first, to);
            operation.apply(xmm, to, low, high);
            clearHigh(xmm, to);
        }

        @Override
        protected void emitWork(Code code) {
            XmmSource.Pair second = source.emit(code);
            emitCopy(code, first, to);
            code.apply(operation, to, second.low(), second.high());
            emitClearHigh(code, to);
        }
    }

    /** On integers in YMM registers. */
    public static final class Integers256 extends EmittedSimd {
        private final XmmOperation low;
        private final XmmOperation high;
        private final Lanes lanes;
        private final int to;
        private final int first;
        private final XmmSource source;

        /** Makes one of an operation for each lane, which differ where an immediate does. */
        public Integers256(XmmOperation low, XmmOperation high, Lanes lanes, int to, int first, XmmSource source) {
            super(SimdAvailability.AVX);
            this.low = low;
            this.high = high;
            this.lanes = lanes;
            this.to = to;
            this.first = first;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long w0 = source.word(cpu, this, 0);
            long w1 = source.word(cpu, this, 1);
            long w2 = highLow(lanes, cpu, source, this);
            long w3 = hasHighHigh(lanes) ? source.word(cpu, this, 3) : 0;
            copy(xmm, first, to);
            copy(xmm, first + HIGH, to + HIGH);
            low.apply(xmm, to, w0, w1);
            high.apply(xmm, to + HIGH, w2, w3);
        }

        @Override
        protected void emitWork(Code code) {
            int host = source.emitHost(code);
            int w0 = source.emitWord(code, host, 0);
            int w1 = source.emitWord(code, host, 1);
            int w2 = emitHighLow(lanes, code, source, host);
            int w3 = hasHighHigh(lanes)
                    ? source.emitWord(code, host, 3)
                    : code.constant(0).keep();
            emitCopy(code, first, to);
            emitCopy(code, first + HIGH, to + HIGH);
            code.apply(low, to, w0, w1);
            code.apply(high, to + HIGH, w2, w3);
        }
    }

    /** On floating-point numbers in XMM registers. */
    public static final class Floats128 extends EmittedSimd {
        private final XmmFloatOperation operation;
        private final int to;
        private final int first;
        private final XmmSource source;

        public Floats128(XmmFloatOperation operation, int to, int first, XmmSource source) {
            super(SimdAvailability.AVX);
            this.operation = operation;
            this.to = to;
            this.first = first;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long low = source.word(cpu, this, 0);
            long high = source.word(cpu, this, 1);
            copy(xmm, first, SCRATCH);
            if (!operation.apply(xmm, SCRATCH, low, high, cpu.mxcsr)) throw unmasked(cpu);
            copy(xmm, SCRATCH, to);
            clearHigh(xmm, to);
        }

        @Override
        protected void emitWork(Code code) {
            XmmSource.Pair second = source.emit(code);
            emitCopy(code, first, SCRATCH);
            code.apply(operation, SCRATCH, second.low(), second.high());
            emitCopy(code, SCRATCH, to);
            emitClearHigh(code, to);
        }
    }

    /** On floating-point numbers in YMM registers. */
    public static final class Floats256 extends CheckedSimd {
        private final XmmFloatOperation operation;
        private final Lanes lanes;
        private final int to;
        private final int first;
        private final XmmSource source;

        public Floats256(XmmFloatOperation operation, Lanes lanes, int to, int first, XmmSource source) {
            super(SimdAvailability.AVX);
            this.operation = operation;
            this.lanes = lanes;
            this.to = to;
            this.first = first;
            this.source = source;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long w0 = source.word(cpu, this, 0);
            long w1 = source.word(cpu, this, 1);
            long w2 = highLow(lanes, cpu, source, this);
            long w3 = hasHighHigh(lanes) ? source.word(cpu, this, 3) : 0;
            copy(xmm, first, SCRATCH);
            copy(xmm, first + HIGH, SCRATCH_HIGH);
            cpu.mxcsr.hold(); // the exceptions of both lanes are one instruction's
            operation.apply(xmm, SCRATCH, w0, w1, cpu.mxcsr);
            operation.apply(xmm, SCRATCH_HIGH, w2, w3, cpu.mxcsr);
            if (!cpu.mxcsr.release()) throw unmasked(cpu);
            boolean narrow = lanes == Lanes.NARROW;
            xmm[to] = xmm[SCRATCH];
            xmm[to + 1] = narrow ? xmm[SCRATCH_HIGH] : xmm[SCRATCH + 1];
            xmm[to + HIGH] = narrow ? 0 : xmm[SCRATCH_HIGH];
            xmm[to + HIGH + 1] = narrow ? 0 : xmm[SCRATCH_HIGH + 1];
        }
    }

    /**
     * The VEX.128 form of any other instruction: that of SSE, whose target is the scratch register,
     * which starts as the first operand.
     */
    public static final class Form extends CheckedSimd {
        private final CheckedSimd legacy;
        private final int to;
        private final int first;
        private final int cleared; // whose upper half becomes 0, or -1

        /**
         * Makes one of an instruction that is nowhere else.
         *
         * @param to -1 if the target is no vector register
         * @param start where it begins in its page
         * @param end where it ends
         */
        public Form(CheckedSimd legacy, int to, int first, int start, int end) {
            this(legacy, to, first, to, start, end);
        }

        private Form(CheckedSimd legacy, int to, int first, int cleared, int start, int end) {
            super(SimdAvailability.AVX);
            this.legacy = legacy;
            this.to = to;
            this.first = first;
            this.cleared = cleared;
            legacy.place(start, end); // for its faults
        }

        /** Makes one that writes XMM0 by itself. */
        public static Form intoXmm0(CheckedSimd legacy, int start, int end) {
            return new Form(legacy, -1, 0, 0, start, end);
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            if (to >= 0) {
                copy(xmm, first, SCRATCH);
            }
            legacy.work(cpu, xmm);
            if (to >= 0) {
                copy(xmm, SCRATCH, to);
            }
            if (cleared >= 0) {
                clearHigh(xmm, cleared);
            }
        }

        @Override
        public void emit(Code code) {
            if (!(legacy instanceof EmittedSimd emitted)) {
                code.perform(this);
                return;
            }
            code.requireAvx();
            if (to >= 0) emitCopy(code, first, SCRATCH);
            emitted.emitWork(code);
            if (to >= 0) emitCopy(code, SCRATCH, to);
            if (cleared >= 0) emitClearHigh(code, cleared);
        }
    }

    /** A load of a whole register, from another or from memory. */
    public static final class Load extends EmittedSimd {
        private final int to;
        private final XmmSource source;
        private final boolean wide;

        public Load(int to, XmmSource source, boolean wide) {
            super(SimdAvailability.AVX);
            this.to = to;
            this.source = source;
            this.wide = wide;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long w0 = source.word(cpu, this, 0);
            long w1 = source.word(cpu, this, 1);
            long w2 = wide ? source.word(cpu, this, 2) : 0;
            xmm[to + HIGH + 1] = wide ? source.word(cpu, this, 3) : 0;
            xmm[to + HIGH] = w2;
            xmm[to + 1] = w1;
            xmm[to] = w0;
        }

        @Override
        protected void emitWork(Code code) {
            int host = source.emitHost(code);
            int[] words = new int[wide ? 4 : 2];
            for (int i = 0; i < words.length; i++) words[i] = source.emitWord(code, host, i);
            for (int i = 0; i < words.length; i++) code.kept(words[i]).setXmm(word(to, i));
            if (!wide) emitClearHigh(code, to);
        }
    }

    /** A store of a whole register. */
    public static final class Store extends EmittedSimd {
        private final int from;
        private final Address address;
        private final int size;
        private final boolean aligned;

        public Store(int from, Address address, int size, boolean aligned) {
            super(SimdAvailability.AVX);
            this.from = from;
            this.address = address;
            this.size = size;
            this.aligned = aligned;
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            long linear = address.linear(cpu);
            if (aligned && (linear & size - 1) != 0) throw cpu.fault(Vectors.GP, 0, this);
            cpu.mmu.probeWrite(linear, size, this);
            cpu.mmu.store64(linear, xmm[from], this);
            cpu.mmu.store64(linear + 8, xmm[from + 1], this);
            if (size == 16) return;
            cpu.mmu.store64(linear + 16, xmm[from + HIGH], this);
            cpu.mmu.store64(linear + 24, xmm[from + HIGH + 1], this);
        }

        @Override
        protected void emitWork(Code code) {
            int linear = address.emit(code).keep();
            if (aligned) code.requireAligned(linear, size);
            int host = code.host(linear, size, Mmu.WRITE);
            for (int i = 0; i < size / Long.BYTES; i++) {
                int at = code.kept(host).constant((long) i * Long.BYTES).add().keep();
                code.xmm(word(from, i)).write(at, Long.BYTES);
            }
        }
    }

    /** VZEROUPPER and VZEROALL. */
    public static final class Clear extends EmittedSimd {
        private final XmmOperation operation;

        /** Makes one, of the upper halves of so many registers or of all their bits. */
        public Clear(boolean all, int registers) {
            super(SimdAvailability.AVX);
            this.operation = (r, ignored, lo, hi) -> {
                Arrays.fill(r, HIGH, HIGH + 2 * registers, 0);
                if (all) Arrays.fill(r, 0, 2 * registers, 0);
            };
        }

        @Override
        protected void work(Cpu cpu, long[] xmm) {
            operation.apply(xmm, 0, 0, 0);
        }

        @Override
        protected void emitWork(Code code) {
            int none = code.constant(0).keep();
            code.apply(operation, 0, none, none);
        }
    }
}
