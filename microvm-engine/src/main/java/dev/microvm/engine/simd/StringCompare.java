package dev.microvm.engine.simd;

/**
 * PCMPESTRI, PCMPESTRM, PCMPISTRI and PCMPISTRM: Intel SDM vol. 2, 4.1 "Imm8 control byte
 * operation".
 *
 * <p>{@link #explicit} or {@link #implicit} gives {@code IntRes2} and flags in one {@code int};
 * {@link #index} and {@link #mask} make ECX or XMM0 of it.
 */
public final class StringCompare {
    // The control byte: table 4-1 to 4-6.
    private static final int WORDS = 1 << 0;
    private static final int SIGNED = 1 << 1;
    private static final int AGGREGATION_SHIFT = 2;
    private static final int EQUAL_ANY = 0;
    private static final int RANGES = 1;
    private static final int EQUAL_EACH = 2;
    private static final int NEGATIVE = 1 << 4;
    private static final int MASKED = 1 << 5;
    private static final int MOST_SIGNIFICANT = 1 << 6;
    private static final int UNIT_MASK = 1 << 6;

    // Flags beside the result's 16 bits.
    /** CF: the result is not zero. */
    public static final int CARRY = 1 << 16;

    /** ZF: the second string ends before its last element. */
    public static final int ZERO = 1 << 17;

    /** SF: the first string ends before its last element. */
    public static final int SIGN = 1 << 18;

    /** OF: bit 0 of the result. */
    public static final int OVERFLOW = 1 << 19;

    private StringCompare() {}

    /**
     * Compares strings that end at a zero element. The first operand is {@code a}, which is the
     * destination register.
     */
    public static int implicit(long aLo, long aHi, long bLo, long bHi, int control) {
        int elements = elements(control);
        return compare(aLo, aHi, end(aLo, aHi, elements), bLo, bHi, end(bLo, bHi, elements), control);
    }

    /**
     * Compares strings of given lengths, whose absolute values count, and no more than a register
     * holds.
     *
     * @param aLength EAX, or RAX with REX.W
     * @param bLength EDX or RDX
     */
    public static int explicit(long aLo, long aHi, long aLength, long bLo, long bHi, long bLength, int control) {
        int elements = elements(control);
        return compare(aLo, aHi, length(aLength, elements), bLo, bHi, length(bLength, elements), control);
    }

    /** ECX of the forms that give an index. */
    public static int index(int result, int control) {
        int bits = result & 0xffff;
        if (bits == 0) return elements(control);
        return (control & MOST_SIGNIFICANT) != 0
                ? Integer.SIZE - 1 - Integer.numberOfLeadingZeros(bits)
                : Integer.numberOfTrailingZeros(bits);
    }

    /** Sets the register at {@code dst}, XMM0, in the forms that give a mask. */
    public static void mask(long[] r, int dst, int result, int control) {
        int bits = result & 0xffff;
        if ((control & UNIT_MASK) == 0) {
            r[dst] = bits;
            r[dst + 1] = 0;
            return;
        }
        int width = (control & WORDS) != 0 ? 16 : 8;
        r[dst] = spread(bits, width);
        r[dst + 1] = spread(bits >> (64 / width), width);
    }

    private static long spread(int bits, int width) {
        long r = 0;
        for (int i = 0; i < 64 / width; i++) {
            if ((bits & (1 << i)) != 0) r |= (-1L >>> (64 - width)) << (width * i);
        }
        return r;
    }

    private static int elements(int control) {
        return (control & WORDS) != 0 ? 8 : 16;
    }

    private static int length(long length, int elements) {
        return length <= -elements || length >= elements ? elements : (int) Math.abs(length);
    }

    private static int end(long lo, long hi, int elements) {
        int at = 0;
        while (at < elements && element(lo, hi, at, elements, false) != 0) at++;
        return at;
    }

    private static int element(long lo, long hi, int index, int elements, boolean signed) {
        int width = 128 / elements;
        int bit = index * width;
        int value = (int) ((bit < 64 ? lo : hi) >>> (bit & 63));
        if (width == 8) return signed ? (byte) value : value & 0xff;
        return signed ? (short) value : value & 0xffff;
    }

    private static int compare(long aLo, long aHi, int aEnd, long bLo, long bHi, int bEnd, int control) {
        int elements = elements(control);
        int all = (1 << elements) - 1;
        int result = aggregate(aLo, aHi, aEnd, bLo, bHi, bEnd, control);
        if ((control & NEGATIVE) != 0) result ^= (control & MASKED) != 0 ? (1 << bEnd) - 1 : all;
        return result
                | (result != 0 ? CARRY : 0)
                | (bEnd < elements ? ZERO : 0)
                | (aEnd < elements ? SIGN : 0)
                | ((result & 1) != 0 ? OVERFLOW : 0);
    }

    /** {@code IntRes1}: a bit for each element of {@code b}. */
    private static int aggregate(long aLo, long aHi, int aEnd, long bLo, long bHi, int bEnd, int control) {
        int elements = elements(control);
        int bits = 0;
        for (int j = 0; j < elements; j++) {
            boolean holds = switch ((control >> AGGREGATION_SHIFT) & 3) {
                case EQUAL_ANY -> j < bEnd && isAny(aLo, aHi, aEnd, at(bLo, bHi, j, control), control);
                case RANGES -> j < bEnd && isInRange(aLo, aHi, aEnd, at(bLo, bHi, j, control), control);
                case EQUAL_EACH -> areEqual(aLo, aHi, aEnd, bLo, bHi, bEnd, j, control);
                default -> startsHere(aLo, aHi, aEnd, bLo, bHi, bEnd, j, control);
            };
            if (holds) bits |= 1 << j;
        }
        return bits;
    }

    private static int at(long lo, long hi, int index, int control) {
        return element(lo, hi, index, elements(control), (control & SIGNED) != 0);
    }

    private static boolean isAny(long aLo, long aHi, int aEnd, int b, int control) {
        for (int i = 0; i < aEnd; i++) if (at(aLo, aHi, i, control) == b) return true;
        return false;
    }

    private static boolean isInRange(long aLo, long aHi, int aEnd, int b, int control) {
        for (int i = 0; i + 1 < aEnd; i += 2) {
            if (b >= at(aLo, aHi, i, control) && b <= at(aLo, aHi, i + 1, control)) return true;
        }
        return false;
    }

    /** Elements beyond both ends are equal: table 4-7. */
    private static boolean areEqual(long aLo, long aHi, int aEnd, long bLo, long bHi, int bEnd, int j, int control) {
        if (j >= aEnd || j >= bEnd) return j >= aEnd && j >= bEnd;
        return at(aLo, aHi, j, control) == at(bLo, bHi, j, control);
    }

    /**
     * Whether the first string, as far as it is there, begins at an element of the second: table
     * 4-7.
     */
    private static boolean startsHere(long aLo, long aHi, int aEnd, long bLo, long bHi, int bEnd, int j, int control) {
        for (int i = 0; i < aEnd && j + i < elements(control); i++) {
            if (j + i >= bEnd || at(aLo, aHi, i, control) != at(bLo, bHi, j + i, control)) return false;
        }
        return true;
    }
}
