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

    // Predicates; bit 2 negates.
    private static final int EQUAL = 0;
    private static final int LESS = 1;
    private static final int LESS_OR_EQUAL = 2;
    private static final int NEGATED = 4;
    private static final int PREDICATES = 7;

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
        int plain = predicate & PREDICATES & ~NEGATED;
        return plain != LESS && plain != LESS_OR_EQUAL;
    }

    private static boolean holds(int order, int predicate) {
        boolean plain = switch (predicate & PREDICATES & ~NEGATED) {
            case EQUAL -> order == 0;
            case LESS -> order == -1;
            case LESS_OR_EQUAL -> order <= 0;
            default -> order == UNORDERED;
        };
        return plain != ((predicate & NEGATED) != 0);
    }
}
