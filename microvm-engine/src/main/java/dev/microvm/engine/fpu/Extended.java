package dev.microvm.engine.fpu;

/** Kinds of 80-bit numbers: Intel SDM vol. 1, tables 4-3 and 8-3. */
final class Extended {
    static final int SIGN = 0x8000;
    static final int EXPONENT = 0x7fff;
    static final int BIAS = 16383;
    static final long INTEGER = Long.MIN_VALUE;
    static final long QUIET = 1L << 62;

    /** Exponents of normal numbers. */
    static final int LEAST_EXPONENT = -16382;

    static final int MOST_EXPONENT = 16383;

    /** The QNaN floating-point indefinite. */
    static final int INDEFINITE_SIGN_EXPONENT = 0xffff;

    static final long INDEFINITE_SIGNIFICAND = INTEGER | QUIET;

    private Extended() {}

    static boolean isNan(int signExponent, long significand) {
        return (signExponent & EXPONENT) == EXPONENT && significand < 0 && significand << 1 != 0;
    }

    static boolean isSignaling(int signExponent, long significand) {
        return isNan(signExponent, significand) && (significand & QUIET) == 0;
    }

    /** Unnormals, pseudo-NaNs and pseudo-infinities, which are invalid operands: 8.2.2. */
    static boolean isUnsupported(int signExponent, long significand) {
        return (signExponent & EXPONENT) != 0 && significand >= 0;
    }

    static boolean isZero(int signExponent, long significand) {
        return (signExponent & EXPONENT) == 0 && significand == 0;
    }

    /** Denormals and pseudo-denormals. */
    static boolean isDenormal(int signExponent, long significand) {
        return (signExponent & EXPONENT) == 0 && significand != 0;
    }

    static boolean isInfinite(int signExponent, long significand) {
        return (signExponent & EXPONENT) == EXPONENT && significand == INTEGER;
    }
}
