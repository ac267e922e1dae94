package dev.microvm.engine.simd;

/** A floating-point operation on XMM registers. */
@FunctionalInterface
public interface XmmFloatOperation {
    /**
     * Carries out the instruction.
     *
     * @param r the register file
     * @param dst where the first operand and the result are: index of the low half
     * @param lo low half of the second operand; what a scalar instruction reads from memory is in
     *     its low bits
     * @param hi its high half
     * @param m takes the flags
     * @return false if an exception is not masked: nothing but flags changed, and the processor
     *     takes #XM
     */
    boolean apply(long[] r, int dst, long lo, long hi, Mxcsr m);

    /** An operation on one double. */
    @FunctionalInterface
    interface Of64 {
        long apply(long a, long b, Mxcsr m);
    }

    /** An operation on one float. */
    @FunctionalInterface
    interface Of32 {
        int apply(int a, int b, Mxcsr m);
    }

    /** On the low double; the high half of the destination stays. */
    static XmmFloatOperation scalar64(Of64 op) {
        return (r, dst, lo, hi, m) -> {
            long low = op.apply(r[dst], lo, m);
            if (!m.commit()) return false;
            r[dst] = low;
            return true;
        };
    }

    /** On both doubles. */
    static XmmFloatOperation packed64(Of64 op) {
        return (r, dst, lo, hi, m) -> write(r, dst, op.apply(r[dst], lo, m), op.apply(r[dst + 1], hi, m), m);
    }

    /** On the low float; the rest of the destination stays. */
    static XmmFloatOperation scalar32(Of32 op) {
        return (r, dst, lo, hi, m) -> {
            int low = op.apply((int) r[dst], (int) lo, m);
            if (!m.commit()) return false;
            r[dst] = (r[dst] & 0xffff_ffff_0000_0000L) | Integer.toUnsignedLong(low);
            return true;
        };
    }

    /** On all four floats. */
    static XmmFloatOperation packed32(Of32 op) {
        return (r, dst, lo, hi, m) -> write(r, dst, both(op, op, r[dst], lo, m), both(op, op, r[dst + 1], hi, m), m);
    }

    /** On the even elements one operation, on the odd ones another: ADDSUBPx. */
    static XmmFloatOperation alternating64(Of64 even, Of64 odd) {
        return (r, dst, lo, hi, m) -> write(r, dst, even.apply(r[dst], lo, m), odd.apply(r[dst + 1], hi, m), m);
    }

    /** As {@link #alternating64}. */
    static XmmFloatOperation alternating32(Of32 even, Of32 odd) {
        return (r, dst, lo, hi, m) ->
                write(r, dst, both(even, odd, r[dst], lo, m), both(even, odd, r[dst + 1], hi, m), m);
    }

    /** On the two elements of either operand: HADDPD, HSUBPD. */
    static XmmFloatOperation horizontal64(Of64 op) {
        return (r, dst, lo, hi, m) -> write(r, dst, op.apply(r[dst], r[dst + 1], m), op.apply(lo, hi, m), m);
    }

    /** On neighbours in either operand: HADDPS, HSUBPS. */
    static XmmFloatOperation horizontal32(Of32 op) {
        return (r, dst, lo, hi, m) ->
                write(r, dst, neighbours(op, r[dst], r[dst + 1], m), neighbours(op, lo, hi, m), m);
    }

    private static long both(Of32 even, Of32 odd, long a, long b, Mxcsr m) {
        int low = even.apply((int) a, (int) b, m);
        return PackedMultiply.pair(low, odd.apply((int) (a >> 32), (int) (b >> 32), m));
    }

    private static long neighbours(Of32 op, long lo, long hi, Mxcsr m) {
        int low = op.apply((int) lo, (int) (lo >> 32), m);
        return PackedMultiply.pair(low, op.apply((int) hi, (int) (hi >> 32), m));
    }

    /** Commits, then writes both halves. */
    static boolean write(long[] r, int dst, long lo, long hi, Mxcsr m) {
        if (!m.commit()) return false;
        r[dst] = lo;
        r[dst + 1] = hi;
        return true;
    }
}
