package dev.microvm.engine.simd;

import static dev.microvm.engine.softfloat.FloatExceptions.INVALID;

import dev.microvm.engine.softfloat.Unpacked;

/**
 * Products and sums that are rounded once, of one element: FMA. What an operation raises is
 * collected in the {@link Mxcsr}, which the instruction commits.
 *
 * <p>Ordinary numbers are computed by the host once PE is set, as {@link Float64} says; whether one
 * is exact only {@link dev.microvm.engine.softfloat.SoftFloat} finds out.
 *
 * <p>Source: Intel SDM vol. 1, 14.5; vol. 2, VFMADDxxx.
 */
public final class FusedMultiply {
    private static final long SIGN_64 = Float64.SIGN;
    private static final int SIGN_32 = Float32.SIGN;
    private static final long DEFAULT_NAN_64 = 0xfff8_0000_0000_0000L;
    private static final int DEFAULT_NAN_32 = 0xffc0_0000;

    private FusedMultiply() {}

    /**
     * {@code a * b + c} of doubles.
     *
     * @param negated whether the product is
     * @param subtracted whether {@code c} is
     */
    public static long of64(long a, long b, long c, boolean negated, boolean subtracted, Mxcsr m) {
        if (Float64.isNan(a) || Float64.isNan(b) || Float64.isNan(c)) return nan64(a, b, c, m);
        long left = negated ? a ^ SIGN_64 : a;
        long addend = subtracted ? c ^ SIGN_64 : c;
        boolean normal = !Float64.isDenormal(a) && !Float64.isDenormal(b) && !Float64.isDenormal(c);
        if (m.isPlain() && m.precisionSeen() && normal) {
            double result = Math.fma(
                    Double.longBitsToDouble(left), Double.longBitsToDouble(b), Double.longBitsToDouble(addend));
            if (Float64.isOrdinary(result)) return Double.doubleToRawLongBits(result);
        }
        m.denormals(m.a.ofDouble(left));
        m.denormals(m.b.ofDouble(b));
        m.soft.multiply(m.a, m.b);
        m.denormals(m.b.ofDouble(addend));
        return sum(m) ? Float64.rounded(m) : DEFAULT_NAN_64;
    }

    /** The same of floats. */
    public static int of32(int a, int b, int c, boolean negated, boolean subtracted, Mxcsr m) {
        if (Float32.isNan(a) || Float32.isNan(b) || Float32.isNan(c)) return nan32(a, b, c, m);
        int left = negated ? a ^ SIGN_32 : a;
        int addend = subtracted ? c ^ SIGN_32 : c;
        boolean normal = !Float32.isDenormal(a) && !Float32.isDenormal(b) && !Float32.isDenormal(c);
        if (m.isPlain() && m.precisionSeen() && normal) {
            float result = Math.fma(Float.intBitsToFloat(left), Float.intBitsToFloat(b), Float.intBitsToFloat(addend));
            if (Float32.isOrdinary(result)) return Float.floatToRawIntBits(result);
        }
        m.denormals(m.a.ofFloat(left));
        m.denormals(m.b.ofFloat(b));
        m.soft.multiply(m.a, m.b);
        m.denormals(m.b.ofFloat(addend));
        return sum(m) ? Float32.rounded(m) : DEFAULT_NAN_32;
    }

    /** Adds {@link Mxcsr#b} to the product; answers whether there is one. */
    private static boolean sum(Mxcsr m) {
        if (m.soft.result.kind() == Unpacked.Kind.NAN) { // infinity times zero
            m.raiseSoft();
            return false;
        }
        m.a.set(m.soft.result);
        m.soft.add(m.a, m.b, m.rounding());
        return true;
    }

    /** The first operand that is a NaN, made quiet, whatever the others are. */
    private static long nan64(long a, long b, long c, Mxcsr m) {
        if (Float64.isSignaling(a) || Float64.isSignaling(b) || Float64.isSignaling(c)) m.raise(INVALID);
        return (Float64.isNan(a) ? a : Float64.isNan(b) ? b : c) | Float64.QUIET;
    }

    private static int nan32(int a, int b, int c, Mxcsr m) {
        if (Float32.isSignaling(a) || Float32.isSignaling(b) || Float32.isSignaling(c)) m.raise(INVALID);
        return (Float32.isNan(a) ? a : Float32.isNan(b) ? b : c) | Float32.QUIET;
    }
}
