package dev.microvm.engine.softfloat;

/**
 * Rounding modes, as the rounding-control fields of MXCSR, the x87 control word and ROUNDxx encode
 * them.
 */
public final class Rounding {
    /** To the nearest, ties to even. */
    public static final int NEAREST = 0;

    /** Toward minus infinity. */
    public static final int DOWN = 1;

    /** Toward plus infinity. */
    public static final int UP = 2;

    /** Toward zero. */
    public static final int TRUNCATE = 3;

    private Rounding() {}

    /**
     * Whether a magnitude is to be rounded up.
     *
     * @param odd its last bit that stays
     * @param half the first bit that goes
     * @param rest whether any bit after that is set
     */
    static boolean up(int mode, boolean negative, boolean odd, boolean half, boolean rest) {
        return switch (mode) {
            case NEAREST -> half && (rest || odd);
            case DOWN -> negative && (half || rest);
            case UP -> !negative && (half || rest);
            default -> false;
        };
    }

    /** Whether a result that is too large becomes infinite, and not the largest finite number. */
    static boolean overflowsToInfinity(int mode, boolean negative) {
        return mode == NEAREST || mode == (negative ? DOWN : UP);
    }
}
