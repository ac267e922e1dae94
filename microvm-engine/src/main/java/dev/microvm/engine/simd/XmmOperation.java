package dev.microvm.engine.simd;

/** An operation on XMM registers. */
@FunctionalInterface
public interface XmmOperation {
    /**
     * Carries out the instruction.
     *
     * @param r the register file
     * @param dst where the first operand and the result are: index of the low half
     * @param lo low half of the second operand
     * @param hi its high half
     */
    void apply(long[] r, int dst, long lo, long hi);

    /** The same operation on either half. */
    static XmmOperation lanes(LaneOperation op) {
        return (r, dst, lo, hi) -> {
            r[dst] = op.apply(r[dst], lo);
            r[dst + 1] = op.apply(r[dst + 1], hi);
        };
    }

    /** A shift of either half by the count in the low half of the second operand. */
    static XmmOperation shift(LaneOperation op) {
        return (r, dst, lo, hi) -> {
            r[dst] = op.apply(r[dst], lo);
            r[dst + 1] = op.apply(r[dst + 1], lo);
        };
    }

    /**
     * The two halves of the first operand make the low half of the result, those of the second the
     * high half.
     */
    static XmmOperation horizontal(LaneOperation op) {
        return (r, dst, lo, hi) -> {
            r[dst] = op.apply(r[dst], r[dst + 1]);
            r[dst + 1] = op.apply(lo, hi);
        };
    }

    /** Interleaves the low halves. */
    static XmmOperation unpackLow(LaneOperation low, LaneOperation high) {
        return (r, dst, lo, hi) -> {
            long a = r[dst];
            r[dst] = low.apply(a, lo);
            r[dst + 1] = high.apply(a, lo);
        };
    }

    /** Interleaves the high halves. */
    static XmmOperation unpackHigh(LaneOperation low, LaneOperation high) {
        return (r, dst, lo, hi) -> {
            long a = r[dst + 1];
            r[dst] = low.apply(a, hi);
            r[dst + 1] = high.apply(a, hi);
        };
    }
}
