package dev.microvm.engine.simd;

import static dev.microvm.engine.softfloat.FloatExceptions.DENORMAL;
import static dev.microvm.engine.softfloat.FloatExceptions.INVALID;
import static dev.microvm.engine.softfloat.FloatExceptions.PRECISION;

import dev.microvm.engine.softfloat.SoftFloat;
import dev.microvm.engine.softfloat.Unpacked;

/**
 * Operations on one double, as bits. What an operation raises is collected in the {@link Mxcsr},
 * which the instruction commits.
 *
 * <p>While all exceptions are masked and rounding is to nearest, which is almost always, ordinary
 * numbers are computed by the host: Java's arithmetic is that of IEEE 754. Only whether the result
 * is exact must then be found out, and that only until PE is set. Everything else goes to {@link
 * SoftFloat}.
 */
public final class Float64 {
    static final long QUIET = 1L << 51;
    static final long SIGN = Long.MIN_VALUE;
    private static final long INFINITY = 0x7ff0_0000_0000_0000L;
    private static final long SMALLEST_NORMAL = 0x0010_0000_0000_0000L;
    private static final int LEAST_EXPONENT = -1022;
    private static final int MOST_EXPONENT = 1023;

    // Between these magnitudes neither an error term nor what computes it overflows or is denormal.
    private static final double SMALL = 0x1p-900;
    private static final double LARGE = 0x1p900;

    private Float64() {}

    /** {@code a + b}. */
    public static long add(long a, long b, Mxcsr m) {
        if (m.isPlain() && !isDenormal(a) && !isDenormal(b)) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double sum = x + y;
            if (isOrdinary(sum)) {
                if (!m.precisionSeen() && sumError(x, y, sum) != 0) m.raise(PRECISION);
                return Double.doubleToRawLongBits(sum);
            }
        }
        return addSoft(a, b, m);
    }

    /** {@code a - b}. */
    public static long subtract(long a, long b, Mxcsr m) {
        if (m.isPlain() && !isDenormal(a) && !isDenormal(b)) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double difference = x - y;
            if (isOrdinary(difference)) {
                if (!m.precisionSeen() && sumError(x, -y, difference) != 0) m.raise(PRECISION);
                return Double.doubleToRawLongBits(difference);
            }
        }
        return subtractSoft(a, b, m);
    }

    /** {@code a * b}. */
    public static long multiply(long a, long b, Mxcsr m) {
        if (m.isPlain() && !isDenormal(a) && !isDenormal(b)) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double product = x * y;
            if (isOrdinary(product)) {
                if (!m.precisionSeen() && Math.fma(x, y, -product) != 0) m.raise(PRECISION);
                return Double.doubleToRawLongBits(product);
            }
        }
        return multiplySoft(a, b, m);
    }

    /** {@code a / b}. */
    public static long divide(long a, long b, Mxcsr m) {
        if (m.isPlain() && !isDenormal(a) && !isDenormal(b)) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double quotient = x / y;
            if (isOrdinary(quotient) && (m.precisionSeen() || isOrdinary(x))) {
                if (!m.precisionSeen() && Math.fma(quotient, y, -x) != 0) m.raise(PRECISION);
                return Double.doubleToRawLongBits(quotient);
            }
        }
        return divideSoft(a, b, m);
    }

    /** The square root of {@code b}. */
    public static long sqrt(long b, Mxcsr m) {
        double y = Double.longBitsToDouble(b);
        if (m.isPlain() && isOrdinary(y) && y > 0) {
            double root = Math.sqrt(y);
            if (!m.precisionSeen() && Math.fma(root, root, -y) != 0) m.raise(PRECISION);
            return Double.doubleToRawLongBits(root);
        }
        if (isNan(b)) return unaryNan(b, m);
        m.a.ofDouble(b);
        m.denormals(m.a);
        m.soft.sqrt(m.a);
        return rounded(m);
    }

    /** The lesser, or {@code b} if they are zeros or one is a NaN: SDM vol. 2, MINSD. */
    public static long min(long a, long b, Mxcsr m) {
        return minMax(a, b, m) < 0 ? zeroed(a, m) : zeroed(b, m);
    }

    /** The greater, or {@code b} if they are zeros or one is a NaN: SDM vol. 2, MAXSD. */
    public static long max(long a, long b, Mxcsr m) {
        return minMax(a, b, m) > 0 ? zeroed(a, m) : zeroed(b, m);
    }

    private static int minMax(long a, long b, Mxcsr m) {
        if (isNan(a) || isNan(b)) {
            m.raise(INVALID);
            return 0;
        }
        return compareNumbers(a, b, m);
    }

    /** Denormals that count as zeros. */
    static long zeroed(long bits, Mxcsr m) {
        return m.denormalsAreZeros() && isDenormal(bits) ? bits & SIGN : bits;
    }

    /** Less, equal, greater: -1, 0, 1; of numbers. */
    static int compareNumbers(long a, long b, Mxcsr m) {
        if (!m.denormalsAreZeros() && (isDenormal(a) || isDenormal(b))) {
            m.raise(DENORMAL);
        }
        double x = Double.longBitsToDouble(zeroed(a, m));
        double y = Double.longBitsToDouble(zeroed(b, m));
        return x < y ? -1 : x > y ? 1 : 0;
    }

    // ---- in software

    private static long addSoft(long a, long b, Mxcsr m) {
        if (isNan(a) || isNan(b)) return nan(a, b, m);
        unpack(a, b, m);
        m.soft.add(m.a, m.b, m.rounding());
        return rounded(m);
    }

    private static long subtractSoft(long a, long b, Mxcsr m) {
        if (isNan(a) || isNan(b)) return nan(a, b, m);
        unpack(a, b, m);
        m.soft.subtract(m.a, m.b, m.rounding());
        return rounded(m);
    }

    private static long multiplySoft(long a, long b, Mxcsr m) {
        if (isNan(a) || isNan(b)) return nan(a, b, m);
        unpack(a, b, m);
        m.soft.multiply(m.a, m.b);
        return rounded(m);
    }

    private static long divideSoft(long a, long b, Mxcsr m) {
        if (isNan(a) || isNan(b)) return nan(a, b, m);
        unpack(a, b, m);
        m.soft.divide(m.a, m.b);
        return rounded(m);
    }

    private static void unpack(long a, long b, Mxcsr m) {
        m.denormals(m.a.ofDouble(a));
        m.denormals(m.b.ofDouble(b));
    }

    /** Rounds what {@link Mxcsr#soft} has to a double. */
    static long rounded(Mxcsr m) {
        m.round(Unpacked.DOUBLE_PRECISION, LEAST_EXPONENT, MOST_EXPONENT);
        m.raiseSoft();
        return m.soft.result.toDouble();
    }

    /** SDM vol. 1, table 4-7: the first operand that is a NaN, made quiet. */
    static long nan(long a, long b, Mxcsr m) {
        if (isSignaling(a) || isSignaling(b)) m.raise(INVALID);
        return (isNan(a) ? a : b) | QUIET;
    }

    static long unaryNan(long b, Mxcsr m) {
        if (isSignaling(b)) m.raise(INVALID);
        return b | QUIET;
    }

    // ---- kinds

    static boolean isNan(long bits) {
        return (bits & ~SIGN) > INFINITY;
    }

    static boolean isSignaling(long bits) {
        return isNan(bits) && (bits & QUIET) == 0;
    }

    static boolean isDenormal(long bits) {
        long magnitude = bits & ~SIGN;
        return magnitude != 0 && magnitude < SMALLEST_NORMAL;
    }

    static boolean isOrdinary(double value) {
        double magnitude = Math.abs(value);
        return magnitude > SMALL && magnitude < LARGE;
    }

    /**
     * What rounding lost of a sum: Knuth, The Art of Computer Programming vol. 2, 4.2.2, theorem B.
     */
    private static double sumError(double x, double y, double sum) {
        double part = sum - x;
        return (x - (sum - part)) + (y - part);
    }
}
