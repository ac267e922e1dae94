package dev.microvm.engine.simd;

import static dev.microvm.engine.softfloat.FloatExceptions.DENORMAL;
import static dev.microvm.engine.softfloat.FloatExceptions.INVALID;
import static dev.microvm.engine.softfloat.FloatExceptions.PRECISION;

import dev.microvm.engine.softfloat.Rounding;

/**
 * Conversions between floats, doubles and integers, and rounding to integral values, of one element
 * each. What they raise is collected in the {@link Mxcsr}, which the instruction commits.
 *
 * <p>Source: Intel SDM vol. 1, 11.4.1.6 and 4.8.3.7; vol. 2, CVTxxx and ROUNDxx.
 */
public final class FloatConvert {
    /** What a conversion gives that has no result: the integer indefinite. */
    public static final int INDEFINITE_32 = Integer.MIN_VALUE;

    /** The same of 64 bits. */
    public static final long INDEFINITE_64 = Long.MIN_VALUE;

    private static final int FRACTION_BITS_BETWEEN = 29; // 52 - 23
    private static final int ROUND_SUPPRESS_PRECISION = 1 << 3;

    private FloatConvert() {}

    // ---- between formats

    /** A float of a double. */
    public static int toFloat(long bits, Mxcsr m) {
        if (Float64.isNan(bits)) {
            int sign = (int) (bits >>> Integer.SIZE) & Float32.SIGN;
            int payload = (int) (bits >>> FRACTION_BITS_BETWEEN) & 0x003f_ffff;
            if (Float64.isSignaling(bits)) m.raise(INVALID);
            return sign | 0x7fc0_0000 | payload;
        }
        m.soft.result.ofDouble(bits);
        m.denormals(m.soft.result);
        return Float32.rounded(m);
    }

    /** A double of a float. */
    public static long toDouble(int bits, Mxcsr m) {
        if (Float32.isNan(bits)) {
            long sign = (long) (bits & Float32.SIGN) << Integer.SIZE;
            if (Float32.isSignaling(bits)) m.raise(INVALID);
            return sign | 0x7ff8_0000_0000_0000L | ((bits & 0x003f_ffffL) << FRACTION_BITS_BETWEEN);
        }
        if (Float32.isDenormal(bits) && !m.denormalsAreZeros()) m.raise(DENORMAL);
        return Double.doubleToRawLongBits(Float.intBitsToFloat(Float32.zeroed(bits, m)));
    }

    // ---- from integers

    /** A float of an integer of 32 bits. */
    public static int floatOf(int value, Mxcsr m) {
        if (!m.isPlain()) return floatOf((long) value, m);
        float nearest = value;
        if ((double) nearest != value) m.raise(PRECISION);
        return Float.floatToRawIntBits(nearest);
    }

    /** A float of an integer of 64 bits. */
    public static int floatOf(long value, Mxcsr m) {
        m.soft.result.ofLong(value);
        return Float32.rounded(m);
    }

    /** A double of an integer of 32 bits, which is exact. */
    public static long doubleOf(int value) {
        return Double.doubleToRawLongBits(value);
    }

    /** A double of an integer of 64 bits. */
    public static long doubleOf(long value, Mxcsr m) {
        m.soft.result.ofLong(value);
        return Float64.rounded(m);
    }

    // ---- to integers

    /** An integer of 32 bits of a double: rounded by MXCSR, or truncated. */
    public static int toInt32(long bits, boolean truncate, Mxcsr m) {
        double value = Double.longBitsToDouble(Float64.zeroed(bits, m));
        double integral = integral(value, truncate ? Rounding.TRUNCATE : m.rounding());
        if (!(integral >= Integer.MIN_VALUE && integral <= Integer.MAX_VALUE)) {
            m.raise(INVALID);
            return INDEFINITE_32;
        }
        if (integral != value) m.raise(PRECISION);
        return (int) integral;
    }

    /** An integer of 64 bits of a double: rounded by MXCSR, or truncated. */
    public static long toInt64(long bits, boolean truncate, Mxcsr m) {
        double value = Double.longBitsToDouble(Float64.zeroed(bits, m));
        double integral = integral(value, truncate ? Rounding.TRUNCATE : m.rounding());
        if (!(integral >= -0x1p63 && integral < 0x1p63)) {
            m.raise(INVALID);
            return INDEFINITE_64;
        }
        if (integral != value) m.raise(PRECISION);
        return (long) integral;
    }

    /** An integer of 32 bits of a float: rounded by MXCSR, or truncated. */
    public static int toInt32(int bits, boolean truncate, Mxcsr m) {
        return toInt32(widened(bits, m), truncate, m);
    }

    /** An integer of 64 bits of a float: rounded by MXCSR, or truncated. */
    public static long toInt64(int bits, boolean truncate, Mxcsr m) {
        return toInt64(widened(bits, m), truncate, m);
    }

    /**
     * A float as a double; no denormal stays one, and a NaN will be none of the integers either.
     */
    private static long widened(int bits, Mxcsr m) {
        return Double.doubleToRawLongBits(Float.intBitsToFloat(Float32.zeroed(bits, m)));
    }

    // ---- to integral values

    /** ROUNDSD of one element. */
    public static long round(long bits, int immediate, Mxcsr m) {
        if (Float64.isNan(bits)) return Float64.unaryNan(bits, m);
        double value = Double.longBitsToDouble(Float64.zeroed(bits, m));
        double integral = integral(value, m.rounding(immediate));
        if (integral != value && (immediate & ROUND_SUPPRESS_PRECISION) == 0) m.raise(PRECISION);
        return Double.doubleToRawLongBits(integral);
    }

    /** ROUNDSS of one element. */
    public static int round(int bits, int immediate, Mxcsr m) {
        if (Float32.isNan(bits)) return Float32.unaryNan(bits, m);
        float value = Float.intBitsToFloat(Float32.zeroed(bits, m));
        float integral = (float) integral(value, m.rounding(immediate));
        if (integral != value && (immediate & ROUND_SUPPRESS_PRECISION) == 0) m.raise(PRECISION);
        return Float.floatToRawIntBits(integral);
    }

    private static double integral(double value, int mode) {
        return switch (mode) {
            case Rounding.NEAREST -> Math.rint(value);
            case Rounding.DOWN -> Math.floor(value);
            case Rounding.UP -> Math.ceil(value);
            default -> value < 0 ? Math.ceil(value) : Math.floor(value);
        };
    }
}
