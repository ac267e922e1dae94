package dev.microvm.engine.fpu;

import static dev.microvm.engine.softfloat.FloatExceptions.DIVIDE_BY_ZERO;
import static dev.microvm.engine.softfloat.FloatExceptions.INVALID;

import dev.microvm.engine.softfloat.Rounding;
import dev.microvm.engine.softfloat.Unpacked;
import dev.microvm.engine.softfloat.Unpacked.Kind;

/**
 * The transcendental instructions of the x87: Intel SDM vol. 1, 8.3.7 to 8.3.10. Each method is one
 * instruction on a given {@link X87}.
 *
 * <p>They are computed with some 110 significant bits and then rounded: the error is less than 0.51
 * units in the last place, in all rounding modes less than 1.01. Sines, cosines and tangents reduce
 * their operand by a pi that is exact enough for all of them, and not by one of 66 bits as Intel's
 * processors do (8.3.8): they differ from those near multiples of pi.
 */
public final class X87Transcendentals {
    private static final int LARGEST_ANGLE_EXPONENT = 62; // 2^63 and more are out of range

    private static final Unpacked ONE = new Unpacked().ofLong(1); // never changed

    private X87Transcendentals() {}

    // ---- exponentials and logarithms

    /**
     * F2XM1: {@code 2^ST(0) - 1}, of -1 to 1; beyond, which the manual leaves open, ST(0) stays.
     */
    public static void f2xm1(X87 f) {
        if (f.isEmpty(0)) {
            X87Arithmetic.underflow(f, 0, false);
            return;
        }
        f.soft.clear();
        if (X87Arithmetic.operand(f, f.signExponent(0), f.significand(0))) f2xm1OfNumber(f);
        X87Arithmetic.store(f, 0, false);
    }

    private static void f2xm1OfNumber(X87 f) {
        Unpacked x = f.a;
        boolean one = x.kind() == Kind.FINITE && x.exponent() == 0 && x.significand() == Extended.INTEGER;
        if (x.kind() == Kind.INFINITE && x.negative()) {
            f.soft.result.ofLong(-1);
        } else if (one) { // exact: 1 or -1/2
            f.soft.result.set(x);
            if (x.negative()) f.soft.result.scale(-1);
        } else if (x.kind() == Kind.FINITE && x.exponent() < 0) {
            Elementary.exponentialMinusOne(x, f.wide);
            inexact(f, x.negative());
            return;
        } else {
            f.soft.result.set(x);
        }
        f.round(Unpacked.EXTENDED_PRECISION);
    }

    /** FYL2X: {@code ST(1) * log2(ST(0))}, then pops. */
    public static void fyl2x(X87 f) {
        logarithm(f, false);
    }

    /** FYL2XP1: {@code ST(1) * log2(ST(0) + 1)}, then pops. */
    public static void fyl2xp1(X87 f) {
        logarithm(f, true);
    }

    private static void logarithm(X87 f, boolean plusOne) {
        if (f.isEmpty(0) || f.isEmpty(1)) {
            X87Arithmetic.underflow(f, 1, true);
            return;
        }
        f.soft.clear();
        if (X87Arithmetic.operands(f, f.signExponent(0), f.significand(0), f.signExponent(1), f.significand(1))) {
            if (plusOne) logarithmPlusOne(f, f.a, f.b);
            else logarithmOf(f, f.a, f.b);
        }
        X87Arithmetic.store(f, 1, true);
    }

    private static void logarithmOf(X87 f, Unpacked x, Unpacked y) {
        if (x.kind() == Kind.ZERO) {
            logarithmOfZero(f, y);
        } else if (x.negative()) {
            f.invalid();
        } else if (x.kind() == Kind.INFINITE) {
            if (y.kind() == Kind.ZERO) f.invalid();
            else infinite(f, y.negative());
        } else if (y.kind() == Kind.INFINITE) {
            boolean isOne = x.exponent() == 0 && x.significand() == Extended.INTEGER;
            if (isOne) f.invalid();
            else infinite(f, y.negative() != x.exponent() < 0);
        } else if (x.significand() == Extended.INTEGER || y.kind() == Kind.ZERO) { // a power of two is exact
            boolean below = x.exponent() < 0;
            if (y.kind() == Kind.ZERO) f.soft.result.zero(y.negative() != below);
            else f.soft.multiply(y, f.a.ofLong(x.exponent()));
            f.round(Unpacked.EXTENDED_PRECISION);
        } else {
            boolean negative = Elementary.logarithm(x, f.wide);
            times(f, y, negative);
        }
    }

    private static void logarithmOfZero(X87 f, Unpacked y) {
        if (y.kind() == Kind.ZERO) {
            f.invalid();
            return;
        }
        if (y.kind() == Kind.FINITE) f.soft.raise(DIVIDE_BY_ZERO);
        infinite(f, !y.negative());
    }

    private static void logarithmPlusOne(X87 f, Unpacked x, Unpacked y) {
        if (x.kind() == Kind.INFINITE) {
            if (x.negative() || y.kind() == Kind.ZERO) f.invalid();
            else infinite(f, y.negative());
        } else if (y.kind() == Kind.INFINITE) {
            if (x.kind() == Kind.ZERO) f.invalid();
            else infinite(f, y.negative() != x.negative());
        } else if (x.kind() == Kind.ZERO || y.kind() == Kind.ZERO) {
            f.soft.result.zero(x.negative() != y.negative());
            f.round(Unpacked.EXTENDED_PRECISION);
        } else if (x.exponent() < -1) {
            Elementary.logarithmPlusOne(x, f.wide);
            times(f, y, x.negative());
        } else { // at the edge of its range or beyond it: the sum loses nothing that matters
            f.soft.add(x, ONE, Rounding.NEAREST);
            f.soft.round(
                    Unpacked.EXTENDED_PRECISION,
                    Extended.LEAST_EXPONENT,
                    Extended.MOST_EXPONENT,
                    Rounding.NEAREST,
                    f.masked());
            logarithmOf(f, f.a.set(f.soft.result), y);
        }
    }

    private static void infinite(X87 f, boolean negative) {
        f.result((negative ? Extended.SIGN : 0) | Extended.EXPONENT, Extended.INTEGER);
    }

    /** The result is a logarithm, of a sign, times {@code y}. */
    private static void times(X87 f, Unpacked y, boolean negative) {
        f.wide.scaledBy(y.significand(), 0, y.exponent());
        inexact(f, negative != y.negative());
    }

    /** The result is {@link X87#wide}, never exact. */
    private static void inexact(X87 f, boolean negative) {
        f.soft.result.finite(negative, f.wide.exponent, f.wide.high, f.wide.low | 1);
        f.round(Unpacked.EXTENDED_PRECISION);
    }

    // ---- angles

    /** FPATAN: the angle of the point (ST(0), ST(1)), then pops. */
    public static void fpatan(X87 f) {
        if (f.isEmpty(0) || f.isEmpty(1)) {
            X87Arithmetic.underflow(f, 1, true);
            return;
        }
        f.soft.clear();
        if (X87Arithmetic.operands(f, f.signExponent(0), f.significand(0), f.signExponent(1), f.significand(1))) {
            arctangent(f, f.a, f.b);
        }
        X87Arithmetic.store(f, 1, true);
    }

    private static void arctangent(X87 f, Unpacked x, Unpacked y) {
        boolean yVanishes = y.kind() == Kind.ZERO || (x.kind() == Kind.INFINITE && y.kind() != Kind.INFINITE);
        boolean xVanishes = x.kind() == Kind.ZERO || (y.kind() == Kind.INFINITE && x.kind() != Kind.INFINITE);
        if (yVanishes && !x.negative()) {
            f.soft.result.zero(y.negative());
            f.round(Unpacked.EXTENDED_PRECISION);
            return;
        }
        if (yVanishes) Elementary.pi(f.wide, 1);
        else if (xVanishes) Elementary.pi(f.wide, 0);
        else if (x.kind() == Kind.INFINITE) Elementary.quarters(f.wide, x.negative() ? 3 : 1);
        else Elementary.arctangent(x, y, f.wide);
        inexact(f, y.negative());
    }

    /** FSIN. */
    public static void fsin(X87 f) {
        if (!angle(f)) return;
        sine(f);
        X87Arithmetic.store(f, 0, false);
    }

    /** FCOS. */
    public static void fcos(X87 f) {
        if (!angle(f)) return;
        cosine(f);
        X87Arithmetic.store(f, 0, false);
    }

    /** FSINCOS: the sine replaces ST(0), then the cosine is pushed. */
    public static void fsincos(X87 f) {
        if (!canPush(f) || !angle(f)) return;
        cosine(f);
        int cosine = f.resultSignExponent;
        long cosineSignificand = f.resultSignificand;
        f.soft.clear();
        angleOperand(f);
        sine(f);
        if (!f.before()) return;
        f.set(0, f.resultSignExponent, f.resultSignificand);
        f.after();
        f.push(cosine, cosineSignificand);
    }

    /** FPTAN: the tangent replaces ST(0), then 1 is pushed. */
    public static void fptan(X87 f) {
        if (!canPush(f) || !angle(f)) return;
        tangent(f);
        boolean nan = Extended.isNan(f.resultSignExponent, f.resultSignificand);
        if (!f.before()) return;
        f.set(0, f.resultSignExponent, f.resultSignificand);
        f.after();
        if (nan) f.push(f.resultSignExponent, f.resultSignificand);
        else f.push(Extended.BIAS, Extended.INTEGER);
    }

    /** Whether there is room for a second result, if the first is there at all. */
    private static boolean canPush(X87 f) {
        if (f.isEmpty(0) || f.isEmpty(7)) return true;
        f.conditions(X87.C1 | X87.C2, X87.C1);
        if (f.signal(INVALID | X87.STACK_FAULT)) {
            f.set(0, Extended.INDEFINITE_SIGN_EXPONENT, Extended.INDEFINITE_SIGNIFICAND);
            f.push(Extended.INDEFINITE_SIGN_EXPONENT, Extended.INDEFINITE_SIGNIFICAND);
        }
        return false;
    }

    /**
     * Starts an instruction on an angle; false if it ends here: empty, or out of range, which C2
     * says.
     */
    private static boolean angle(X87 f) {
        f.conditions(X87.C2, 0);
        if (f.isEmpty(0)) {
            X87Arithmetic.underflow(f, 0, false);
            return false;
        }
        f.soft.clear();
        angleOperand(f);
        if (f.a.kind() != Kind.FINITE || f.a.exponent() <= LARGEST_ANGLE_EXPONENT) return true;
        f.conditions(X87.C1 | X87.C2, X87.C2);
        return false;
    }

    /**
     * Unpacks the angle to {@code a}; if it is none, {@code a} is a NaN and the result is there.
     */
    private static void angleOperand(X87 f) {
        if (!X87Arithmetic.operand(f, f.signExponent(0), f.significand(0))) {
            f.a.nan();
        } else if (f.a.kind() == Kind.INFINITE) {
            f.a.nan();
            f.invalid();
        }
    }

    private static void sine(X87 f) {
        if (f.a.kind() == Kind.FINITE) {
            int quadrant = Elementary.reduce(f.a, f.wide);
            boolean odd = (quadrant & 1) != 0;
            if (odd) Elementary.cosine(f.wide);
            else Elementary.sine(f.wide);
            boolean reducedNegative = !odd && Elementary.isReducedNegative(quadrant);
            inexact(f, (f.a.negative() != ((quadrant & 2) != 0)) != reducedNegative);
        } else if (f.a.kind() == Kind.ZERO) {
            f.soft.result.set(f.a);
            f.round(Unpacked.EXTENDED_PRECISION);
        }
    }

    private static void cosine(X87 f) {
        if (f.a.kind() == Kind.FINITE) {
            int quadrant = Elementary.reduce(f.a, f.wide);
            boolean odd = (quadrant & 1) != 0;
            if (odd) Elementary.sine(f.wide);
            else Elementary.cosine(f.wide);
            boolean reducedNegative = odd && Elementary.isReducedNegative(quadrant);
            inexact(f, (((quadrant + 1) & 2) != 0) != reducedNegative);
        } else if (f.a.kind() == Kind.ZERO) {
            f.soft.result.ofLong(1);
            f.round(Unpacked.EXTENDED_PRECISION);
        }
    }

    private static void tangent(X87 f) {
        if (f.a.kind() == Kind.FINITE) {
            int quadrant = Elementary.reduce(f.a, f.wide);
            Elementary.tangent(f.wide, (quadrant & 1) != 0);
            boolean negative = ((quadrant & 1) != 0) != Elementary.isReducedNegative(quadrant);
            inexact(f, f.a.negative() != negative);
        } else if (f.a.kind() == Kind.ZERO) {
            f.soft.result.set(f.a);
            f.round(Unpacked.EXTENDED_PRECISION);
        }
    }
}
