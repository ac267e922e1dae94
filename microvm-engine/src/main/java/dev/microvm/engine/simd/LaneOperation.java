package dev.microvm.engine.simd;

/** An operation on 64 bits of packed elements. */
@FunctionalInterface
public interface LaneOperation {
    /**
     * The result of the instruction.
     *
     * @param a its first operand, which is also its destination
     * @param b its second
     */
    long apply(long a, long b);
}
