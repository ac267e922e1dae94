package dev.microvm.engine.simd;

import static dev.microvm.engine.softfloat.FloatExceptions.DENORMAL;
import static dev.microvm.engine.softfloat.FloatExceptions.INVALID;
import static dev.microvm.engine.softfloat.FloatExceptions.PRECISION;

import dev.microvm.engine.softfloat.Unpacked;

/**
 * Operations on one float, as bits; otherwise like {@link Float64}. Errors are found in doubles,
 * which hold them exactly.
 */
public final class Float32 {
    static final int QUIET = 1 << 22;
    static final int SIGN = Integer.MIN_VALUE;
    private static final int INFINITY = 0x7f80_0000;
    private static final int SMALLEST_NORMAL = 0x0080_0000;
    private static final int DEFAULT_NAN = 0xffc0_0000;
    private static final int DROPPED_BITS = 11; // of 23: what an approximation leaves out
    private static final int LEAST_EXPONENT = -126;
    private static final int MOST_EXPONENT = 127;

    // Between these magnitudes a result neither overflows nor is denormal, nor does what computes an error of a sum.
    private static final float SMALL = 0x1p-100f;
    private static final float LARGE = 0x1p100f;

    private Float32() {}

    /** {@code a + b}. */
    public static int add(int a, int b, Mxcsr m) {
        if (m.isPlain() && !isDenormal(a) && !isDenormal(b)) {
            float x = Float.intBitsToFloat(a);
            float y = Float.intBitsToFloat(b);
            float sum = x + y;
            if (isOrdinary(sum)) {
                if (!m.precisionSeen() && sumError(x, y, sum) != 0) m.raise(PRECISION);
                return Float.floatToRawIntBits(sum);
            }
        }
        return addSoft(a, b, m);
    }

    /** {@code a - b}. */
    public static int subtract(int a, int b, Mxcsr m) {
        if (m.isPlain() && !isDenormal(a) && !isDenormal(b)) {
            float x = Float.intBitsToFloat(a);
            float y = Float.intBitsToFloat(b);
            float difference = x - y;
            if (isOrdinary(difference)) {
                if (!m.precisionSeen() && sumError(x, -y, difference) != 0) m.raise(PRECISION);
                return Float.floatToRawIntBits(difference);
            }
        }
        return subtractSoft(a, b, m);
    }

    /** {@code a * b}. */
    public static int multiply(int a, int b, Mxcsr m) {
        if (m.isPlain() && !isDenormal(a) && !isDenormal(b)) {
            float x = Float.intBitsToFloat(a);
            float y = Float.intBitsToFloat(b);
            float product = x * y;
            if (isOrdinary(product)) {
                if (!m.precisionSeen() && (double) x * y != product) m.raise(PRECISION);
                return Float.floatToRawIntBits(product);
            }
        }
        return multiplySoft(a, b, m);
    }

    /** {@code a / b}. */
    public static int divide(int a, int b, Mxcsr m) {
        if (m.isPlain() && !isDenormal(a) && !isDenormal(b)) {
            float x = Float.intBitsToFloat(a);
            float y = Float.intBitsToFloat(b);
            float quotient = x / y;
            if (isOrdinary(quotient)) {
                if (!m.precisionSeen() && (double) quotient * y != x) m.raise(PRECISION);
                return Float.floatToRawIntBits(quotient);
            }
        }
        return divideSoft(a, b, m);
    }

    /** The square root of {@code b}. */
    public static int sqrt(int b, Mxcsr m) {
        float y = Float.intBitsToFloat(b);
        if (m.isPlain() && isOrdinary(y) && y > 0) {
            float root = (float) Math.sqrt(y); // rounding twice is harmless: 53 >= 2 * 24 + 2
            if (!m.precisionSeen() && (double) root * root != y) m.raise(PRECISION);
            return Float.floatToRawIntBits(root);
        }
        if (isNan(b)) return unaryNan(b, m);
        m.a.ofFloat(b);
        m.denormals(m.a);
        m.soft.sqrt(m.a);
        return rounded(m);
    }

    /**
     * An approximation of {@code 1 / b}, by an error of less than 1.5 * 2^-12: the quotient rounded
     * to 12 bits after the leading one. Processors differ here; of denormals it is infinity, and a
     * denormal result is zero: SDM vol. 2, RCPSS.
     */
    public static int reciprocal(int b) {
        if (isNan(b)) return b | QUIET;
        if ((b & ~SIGN) < SMALLEST_NORMAL) return (b & SIGN) | INFINITY;
        int rounded = approximate(1 / Float.intBitsToFloat(b));
        return isDenormal(rounded) ? rounded & SIGN : rounded;
    }

    /**
     * An approximation of {@code 1 / sqrt(b)}, with the error of {@link #reciprocal}: SDM vol. 2,
     * RSQRTSS.
     */
    public static int reciprocalSqrt(int b) {
        if (isNan(b)) return b | QUIET;
        if ((b & ~SIGN) < SMALLEST_NORMAL) return (b & SIGN) | INFINITY;
        if (b < 0) return DEFAULT_NAN;
        return approximate((float) (1 / Math.sqrt(Float.intBitsToFloat(b))));
    }

    private static int approximate(float value) {
        int bits = Float.floatToRawIntBits(value);
        return (bits + (1 << (DROPPED_BITS - 1))) & (-1 << DROPPED_BITS);
    }

    /** The lesser, or {@code b} if they are zeros or one is a NaN: SDM vol. 2, MINSS. */
    public static int min(int a, int b, Mxcsr m) {
        return minMax(a, b, m) < 0 ? zeroed(a, m) : zeroed(b, m);
    }

    /** The greater, or {@code b} if they are zeros or one is a NaN: SDM vol. 2, MAXSS. */
    public static int max(int a, int b, Mxcsr m) {
        return minMax(a, b, m) > 0 ? zeroed(a, m) : zeroed(b, m);
    }

    private static int minMax(int a, int b, Mxcsr m) {
        if (isNan(a) || isNan(b)) {
            m.raise(INVALID);
            return 0;
        }
        return compareNumbers(a, b, m);
    }

    /** Denormals that count as zeros. */
    static int zeroed(int bits, Mxcsr m) {
        return m.denormalsAreZeros() && isDenormal(bits) ? bits & SIGN : bits;
    }

    /** Less, equal, greater: -1, 0, 1; of numbers. */
    static int compareNumbers(int a, int b, Mxcsr m) {
        if (!m.denormalsAreZeros() && (isDenormal(a) || isDenormal(b))) m.raise(DENORMAL);
        float x = Float.intBitsToFloat(zeroed(a, m));
        float y = Float.intBitsToFloat(zeroed(b, m));
        return x < y ? -1 : x > y ? 1 : 0;
    }

    // ---- in software

    private static int addSoft(int a, int b, Mxcsr m) {
        if (isNan(a) || isNan(b)) return nan(a, b, m);
        unpack(a, b, m);
        m.soft.add(m.a, m.b, m.rounding());
        return rounded(m);
    }

    private static int subtractSoft(int a, int b, Mxcsr m) {
        if (isNan(a) || isNan(b)) return nan(a, b, m);
        unpack(a, b, m);
        m.soft.subtract(m.a, m.b, m.rounding());
        return rounded(m);
    }

    private static int multiplySoft(int a, int b, Mxcsr m) {
        if (isNan(a) || isNan(b)) return nan(a, b, m);
        unpack(a, b, m);
        m.soft.multiply(m.a, m.b);
        return rounded(m);
    }

    private static int divideSoft(int a, int b, Mxcsr m) {
        if (isNan(a) || isNan(b)) return nan(a, b, m);
        unpack(a, b, m);
        m.soft.divide(m.a, m.b);
        return rounded(m);
    }

    private static void unpack(int a, int b, Mxcsr m) {
        m.denormals(m.a.ofFloat(a));
        m.denormals(m.b.ofFloat(b));
    }

    /** Rounds what {@link Mxcsr#soft} has to a float. */
    static int rounded(Mxcsr m) {
        m.round(Unpacked.FLOAT_PRECISION, LEAST_EXPONENT, MOST_EXPONENT);
        m.raiseSoft();
        return m.soft.result.toFloat();
    }

    /** SDM vol. 1, table 4-7: the first operand that is a NaN, made quiet. */
    static int nan(int a, int b, Mxcsr m) {
        if (isSignaling(a) || isSignaling(b)) m.raise(INVALID);
        return (isNan(a) ? a : b) | QUIET;
    }

    static int unaryNan(int b, Mxcsr m) {
        if (isSignaling(b)) m.raise(INVALID);
        return b | QUIET;
    }

    // ---- kinds

    static boolean isNan(int bits) {
        return (bits & ~SIGN) > INFINITY;
    }

    static boolean isSignaling(int bits) {
        return isNan(bits) && (bits & QUIET) == 0;
    }

    static boolean isDenormal(int bits) {
        int magnitude = bits & ~SIGN;
        return magnitude != 0 && magnitude < SMALLEST_NORMAL;
    }

    static boolean isOrdinary(float value) {
        float magnitude = Math.abs(value);
        return magnitude > SMALL && magnitude < LARGE;
    }

    /**
     * What rounding lost of a sum: Knuth, The Art of Computer Programming vol. 2, 4.2.2, theorem B.
     */
    private static float sumError(float x, float y, float sum) {
        float part = sum - x;
        return (x - (sum - part)) + (y - part);
    }
}
