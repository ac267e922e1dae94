package dev.microvm.engine.simd;

import static dev.microvm.engine.softfloat.FloatExceptions.INVALID;

/**
 * Conversions between floats and numbers of 16 bits: F16C. What they raise is collected in the
 * {@link Mxcsr}, which the instruction commits.
 *
 * <p>Source: Intel SDM vol. 1, 14.4; vol. 2, VCVTPH2PS and VCVTPS2PH.
 */
public final class HalfFloat {
    private static final int PRECISION_BITS = 11;
    private static final int LEAST_EXPONENT = -14;
    private static final int MOST_EXPONENT = 15;
    private static final int SIGN = 0x8000;
    private static final int INFINITY = 0x7C00;
    private static final int QUIET = 0x0200;
    private static final int DROPPED_BITS = 13; // 23 - 10

    private HalfFloat() {}

    /** A float of the low 16 bits, which is exact: denormals are numbers, whatever MXCSR says. */
    public static int toFloat(int bits, Mxcsr m) {
        boolean nan = (bits & ~SIGN & 0xFFFF) > INFINITY;
        if (!nan) return Float.floatToRawIntBits(Float.float16ToFloat((short) bits));
        if ((bits & QUIET) == 0) m.raise(INVALID);
        return (bits & SIGN) << 16 | Float32.QUIET | 0x7F80_0000 | (bits & (QUIET - 1)) << DROPPED_BITS;
    }

    /**
     * The 16 bits of a float. A denormal result stays one, whatever MXCSR says.
     *
     * @param immediate names the rounding, or says that MXCSR does
     */
    public static int ofFloat(int bits, int immediate, Mxcsr m) {
        if (Float32.isNan(bits)) {
            if (Float32.isSignaling(bits)) m.raise(INVALID);
            return (bits >>> 16 & SIGN) | INFINITY | QUIET | (bits >>> DROPPED_BITS & (QUIET - 1));
        }
        m.soft.result.ofFloat(bits);
        m.denormals(m.soft.result);
        m.soft.round(PRECISION_BITS, LEAST_EXPONENT, MOST_EXPONENT, m.rounding(immediate), m.masked());
        m.raiseSoft();
        return Float.floatToFloat16(Float.intBitsToFloat(m.soft.result.toFloat())) & 0xFFFF; // exact by now
    }
}
