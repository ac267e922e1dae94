package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Flags;

/**
 * The arithmetic flags in a region. Nearly each instruction sets them, few are read, but each place
 * that may leave the region needs them all. So compiled code notes what they are computed from, and
 * computes {@link dev.microvm.engine.cpu.Cpu#flagCarry} where somebody wants it. Three longs and a
 * kind, which is constant nearly everywhere:
 *
 * <ul>
 * <li>the result, as {@link dev.microvm.engine.cpu.Cpu#flagResult};
 * <li>left and right: CF is set if left is below right, of unsigned numbers, whatever the kind is;
 *     so INC and DEC, which keep CF, leave them alone;
 * <li>the kind: an operation, and in its low six bits how many of 64 bits the operand does not have.
 * </ul>
 */
final class RegionFlags {
    private static final int OPERATION_SHIFT = 6;
    private static final int UNUSED_MASK = (1 << OPERATION_SHIFT) - 1;

    /** {@code flagCarry} is {@code ~left}, and {@link #RIGHT_OF_CARRIES} is right. */
    static final int CARRIES = 0;

    /** Left is the result, right the first operand, both sign-extended. */
    static final int ADD = 1 << OPERATION_SHIFT;

    /** Left and right are the operands, sign-extended. */
    static final int SUBTRACT = 2 << OPERATION_SHIFT;

    static final int INCREMENT = 3 << OPERATION_SHIFT;
    static final int DECREMENT = 4 << OPERATION_SHIFT;

    /** With which left is below right if bit 63 of {@code ~left} is set. */
    static final long RIGHT_OF_CARRIES = Long.MIN_VALUE;

    private RegionFlags() {}

    /** Returns which operation a kind is of. */
    static int operation(int kind) {
        return kind & ~UNUSED_MASK;
    }

    /** Returns {@code flagCarry}; the name and order of these are those of compiled code. */
    static long carries(long result, long left, long right, int kind) {
        int unused = kind & UNUSED_MASK;
        return switch (operation(kind)) {
            case ADD -> added(result, left, right, unused);
            case SUBTRACT -> subtracted(result, left, right, unused);
            case INCREMENT -> incremented(result, left, right, unused);
            case DECREMENT -> decremented(result, left, right, unused);
            default -> ~left;
        };
    }

    // The same where the operation is known: short, so that HotSpot inlines them wherever they are called

    static long added(long result, long left, long right, int unused) {
        return Flags.carriesOfAdd(right, result - right, result, unused);
    }

    static long subtracted(long result, long left, long right, int unused) {
        return Flags.carriesOfSubtract(left, right, result, unused);
    }

    static long incremented(long result, long left, long right, int unused) {
        return Flags.withCarryOf(Flags.carriesOfAdd(result - 1, 1, result, unused), carry(left, right));
    }

    static long decremented(long result, long left, long right, int unused) {
        return Flags.withCarryOf(Flags.carriesOfSubtract(result + 1, 1, result, unused), carry(left, right));
    }

    /** CF in bit 63. */
    private static long carry(long left, long right) {
        return below(left, right) << 63;
    }

    /** CF as 0 or 1. */
    static long below(long left, long right) {
        return Long.compareUnsigned(left, right) < 0 ? 1 : 0;
    }
}
