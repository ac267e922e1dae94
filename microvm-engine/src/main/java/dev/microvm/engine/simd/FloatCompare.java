package dev.microvm.engine.simd;

import static dev.microvm.engine.softfloat.FloatExceptions.INVALID;

/**
 * Comparisons of floating-point numbers. What they raise is collected in the {@link Mxcsr}.
 *
 * <p>Source: Intel SDM vol. 2, CMPPD table 3-1, COMISD, UCOMISD.
 */
public final class FloatCompare {
    /** What {@link #order} gives when an operand is a NaN; else it is -1, 0 or 1. */
    public static final int UNORDERED = 2;

    // Orders of which a predicate is a set, for 0 to 15; bit 4 turns what signals: SDM vol. 2, CMPPD table 3-1
    private static final int LESS = 1;
    private static final int EQUAL = 1 << 1;
    private static final int GREATER = 1 << 2;
    private static final int NEITHER = 1 << 3;
    private static final int[] PREDICATES = {
        EQUAL,
        LESS,
        LESS | EQUAL,
        NEITHER,
        LESS | GREATER | NEITHER,
        EQUAL | GREATER | NEITHER,
        GREATER | NEITHER,
        LESS | EQUAL | GREATER,
        EQUAL | NEITHER,
        LESS | NEITHER,
        LESS | EQUAL | NEITHER,
        0,
        LESS | GREATER,
        EQUAL | GREATER,
        GREATER,
        LESS | EQUAL | GREATER | NEITHER
    };

    /** A bit for each of those predicates that raise an exception for any NaN. */
    private static final int SIGNALING = 0b0110_0110_0110_0110;

    private static final int TURNED = 1 << 4;

    private FloatCompare() {}

    /**
     * Compares doubles.
     *
     * @param quiet as UCOMISD: only a signaling NaN is invalid
     */
    public static int order(long a, long b, boolean quiet, Mxcsr m) {
        if (!Float64.isNan(a) && !Float64.isNan(b)) return Float64.compareNumbers(a, b, m);
        if (!quiet || Float64.isSignaling(a) || Float64.isSignaling(b)) m.raise(INVALID);
        return UNORDERED;
    }

    /** Compares floats: as {@link #order(long, long, boolean, Mxcsr)}. */
    public static int order(int a, int b, boolean quiet, Mxcsr m) {
        if (!Float32.isNan(a) && !Float32.isNan(b)) return Float32.compareNumbers(a, b, m);
        if (!quiet || Float32.isSignaling(a) || Float32.isSignaling(b)) m.raise(INVALID);
        return UNORDERED;
    }

    /** CMPxx of one element: all ones or zeros. */
    static long compare64(long a, long b, int predicate, Mxcsr m) {
        return holds(order(a, b, isQuiet(predicate), m), predicate) ? -1 : 0;
    }

    /** CMPxx of one element: all ones or zeros. */
    static int compare32(int a, int b, int predicate, Mxcsr m) {
        return holds(order(a, b, isQuiet(predicate), m), predicate) ? -1 : 0;
    }

    private static boolean isQuiet(int predicate) {
        boolean signals = (SIGNALING >> (predicate & 15) & 1) != 0;
        return signals == ((predicate & TURNED) != 0);
    }

    private static boolean holds(int order, int predicate) {
        return (PREDICATES[predicate & 15] >> (order + 1) & 1) != 0;
    }
}
