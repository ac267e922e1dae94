package dev.microvm.engine.fpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.oracle.Operands;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.function.BinaryOperator;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/**
 * Transcendental instructions are right to within the documented error, by arithmetic of 120
 * decimal digits.
 */
final class TranscendentalsTest {
    private static final MathContext DIGITS = new MathContext(120, RoundingMode.HALF_EVEN);
    private static final BigDecimal TWO = BigDecimal.TWO;
    private static final BigDecimal ONE = BigDecimal.ONE;
    private static final BigDecimal PI = pi();
    private static final BigDecimal LN2 = naturalLogarithm(TWO);
    private static final BigDecimal MOST_ERROR = new BigDecimal("0.51"); // units in the last place
    private static final int ROUNDS = 400;

    private final Operands operands = new Operands(Long.getLong("microvm.oracle.seed", 20_261_121));
    private final X87 f = new X87();

    private int exponent(int from, int to) {
        return 16383 + operands.random().nextInt(from, to);
    }

    private long significand() {
        return operands.fraction(63) | Long.MIN_VALUE;
    }

    private void st(int i, int signExponent, long significand) {
        f.set(i, signExponent, significand);
    }

    private BigDecimal value(int i) {
        int signExponent = f.signExponent(i);
        BigDecimal magnitude = new BigDecimal(new BigInteger(Long.toUnsignedString(f.significand(i))))
                .multiply(powerOfTwo((signExponent & 0x7fff) - 16383 - 63), DIGITS);
        return (signExponent & 0x8000) != 0 ? magnitude.negate() : magnitude;
    }

    private static BigDecimal powerOfTwo(int exponent) {
        return exponent >= 0 ? TWO.pow(exponent, DIGITS) : ONE.divide(TWO.pow(-exponent, DIGITS), DIGITS);
    }

    private void check(String what, int i, BigDecimal exact) {
        BigDecimal unit = powerOfTwo((f.signExponent(i) & 0x7fff) - 16383 - 63);
        BigDecimal error = value(i).subtract(exact).abs().divide(unit, DIGITS);
        if (error.compareTo(MOST_ERROR) > 0) {
            assertThat(error.round(new MathContext(5)))
                    .as("%s gives %04x.%016x", what, f.signExponent(i), f.significand(i))
                    .isLessThanOrEqualTo(MOST_ERROR);
        }
    }

    private void unary(String name, int from, int to, Consumer<X87> instruction, UnaryOperator<BigDecimal> exact) {
        for (int i = 0; i < ROUNDS; i++) {
            f.initialize();
            st(0, exponent(from, to) | (operands.random().nextInt() & 0x8000), significand());
            BigDecimal x = value(0);
            String what = "%s of %04x.%016x".formatted(name, f.signExponent(0), f.significand(0));
            instruction.accept(f);
            check(what, 0, exact.apply(x));
        }
    }

    private void binary(
            String name, int[] x, int[] y, int signs, Consumer<X87> instruction, BinaryOperator<BigDecimal> exact) {
        for (int i = 0; i < ROUNDS; i++) {
            f.initialize();
            st(0, exponent(x[0], x[1]) | (operands.random().nextInt() & signs), significand());
            st(1, exponent(y[0], y[1]) | (operands.random().nextInt() & 0x8000), significand());
            BigDecimal x0 = value(0);
            BigDecimal y0 = value(1);
            String what = "%s of %04x.%016x and %04x.%016x"
                    .formatted(name, f.signExponent(0), f.significand(0), f.signExponent(1), f.significand(1));
            instruction.accept(f);
            check(what, 0, exact.apply(x0, y0));
        }
    }

    @Test
    void f2xm1IsExact() {
        unary("f2xm1", -70, 0, X87Transcendentals::f2xm1, x -> exponentialMinusOne(x.multiply(LN2, DIGITS)));
    }

    @Test
    void fyl2xIsExact() {
        binary(
                "fyl2x",
                new int[] {-40, 40},
                new int[] {-4, 4},
                0,
                X87Transcendentals::fyl2x,
                (x, y) -> y.multiply(naturalLogarithm(x), DIGITS).divide(LN2, DIGITS));
        binary(
                "fyl2x",
                new int[] {-1, 1},
                new int[] {-40, 40},
                0,
                X87Transcendentals::fyl2x,
                (x, y) -> y.multiply(naturalLogarithm(x), DIGITS).divide(LN2, DIGITS));
    }

    @Test
    void fyl2xp1IsExact() {
        binary(
                "fyl2xp1",
                new int[] {-66, -2},
                new int[] {-40, 40},
                0x8000,
                X87Transcendentals::fyl2xp1,
                (x, y) -> y.multiply(naturalLogarithm(ONE.add(x)), DIGITS).divide(LN2, DIGITS));
    }

    @Test
    void fpatanIsExact() {
        binary(
                "fpatan",
                new int[] {-4, 4},
                new int[] {-4, 4},
                0x8000,
                X87Transcendentals::fpatan,
                TranscendentalsTest::angle);
        binary(
                "fpatan",
                new int[] {-70, 70},
                new int[] {-70, 70},
                0x8000,
                X87Transcendentals::fpatan,
                TranscendentalsTest::angle);
    }

    @Test
    void sinesAndCosinesAreExact() {
        unary("fsin", -40, 4, X87Transcendentals::fsin, x -> circular(x, true));
        unary("fcos", -40, 4, X87Transcendentals::fcos, x -> circular(x, false));
        unary("fsin", 0, 62, X87Transcendentals::fsin, x -> circular(x, true));
        unary("fcos", 0, 62, X87Transcendentals::fcos, x -> circular(x, false));
        unary("fsincos", -4, 62, X87Transcendentals::fsincos, x -> circular(x, false));
    }

    @Test
    void tangentsAreExact() {
        unary(
                "fptan",
                -40,
                62,
                x87 -> {
                    X87Transcendentals.fptan(x87);
                    x87.pop();
                },
                x -> circular(x, true).divide(circular(x, false), DIGITS));
    }

    @Test
    void sineIsExact_nextToAMultipleOfPi() {
        f.initialize();
        st(0, 0x4000, 0xc90f_daa2_2168_c235L); // pi, rounded

        BigDecimal x = value(0);
        X87Transcendentals.fsin(f);

        check("fsin of pi", 0, circular(x, true));
    }

    // ---- by series, of 120 digits

    private static BigDecimal exponentialMinusOne(BigDecimal t) {
        BigDecimal sum = t;
        BigDecimal term = t;
        for (int k = 2; k < 120 && term.signum() != 0; k++) {
            term = term.multiply(t, DIGITS).divide(BigDecimal.valueOf(k), DIGITS);
            sum = sum.add(term, DIGITS);
        }
        return sum;
    }

    private static BigDecimal naturalLogarithm(BigDecimal x) {
        int halvings = 0;
        BigDecimal m = x;
        for (; m.compareTo(new BigDecimal("1.5")) > 0; halvings++) m = m.divide(TWO, DIGITS);
        for (; m.compareTo(new BigDecimal("0.75")) < 0; halvings--) m = m.multiply(TWO, DIGITS);
        BigDecimal z = m.subtract(ONE).divide(m.add(ONE), DIGITS);
        BigDecimal sum = oddSeries(z, false).multiply(TWO, DIGITS);
        return halvings == 0 ? sum : sum.add(naturalLogarithmOfTwo().multiply(BigDecimal.valueOf(halvings)), DIGITS);
    }

    private static BigDecimal naturalLogarithmOfTwo() {
        return oddSeries(ONE.divide(BigDecimal.valueOf(3), DIGITS), false).multiply(TWO, DIGITS);
    }

    /** {@code z + z^3/3 + z^5/5 ...}, or with alternating signs. */
    private static BigDecimal oddSeries(BigDecimal z, boolean alternates) {
        BigDecimal square = z.multiply(z, DIGITS);
        BigDecimal power = z;
        BigDecimal sum = z;
        for (int k = 3; k < 500 && power.signum() != 0; k += 2) {
            power = power.multiply(alternates ? square.negate() : square, DIGITS);
            sum = sum.add(power.divide(BigDecimal.valueOf(k), DIGITS), DIGITS);
        }
        return sum;
    }

    private static BigDecimal pi() {
        BigDecimal fifth = oddSeries(ONE.divide(BigDecimal.valueOf(5), DIGITS), true);
        BigDecimal other = oddSeries(ONE.divide(BigDecimal.valueOf(239), DIGITS), true);
        return fifth.multiply(BigDecimal.valueOf(16)).subtract(other.multiply(BigDecimal.valueOf(4)), DIGITS);
    }

    private static BigDecimal angle(BigDecimal x, BigDecimal y) {
        BigDecimal a = x.abs();
        BigDecimal b = y.abs();
        BigDecimal angle = a.compareTo(b) >= 0
                ? arctangent(b.divide(a, DIGITS))
                : PI.divide(TWO, DIGITS).subtract(arctangent(a.divide(b, DIGITS)));
        BigDecimal above = x.signum() < 0 ? PI.subtract(angle, DIGITS) : angle;
        return y.signum() < 0 ? above.negate() : above;
    }

    private static BigDecimal arctangent(BigDecimal r) {
        BigDecimal t = r;
        int doublings = 0;
        for (; t.compareTo(new BigDecimal("0.1")) > 0; doublings++) {
            t = t.divide(ONE.add(ONE.add(t.multiply(t), DIGITS).sqrt(DIGITS)), DIGITS);
        }
        return oddSeries(t, true).multiply(TWO.pow(doublings), DIGITS);
    }

    private static BigDecimal circular(BigDecimal x, boolean sine) {
        BigDecimal r = x.remainder(PI.multiply(TWO), DIGITS);
        BigDecimal term = sine ? r : ONE;
        BigDecimal sum = term;
        BigDecimal square = r.multiply(r, DIGITS).negate();
        for (int k = sine ? 2 : 1; k < 160 && term.signum() != 0; k += 2) {
            term = term.multiply(square, DIGITS).divide(BigDecimal.valueOf((long) k * (k + 1)), DIGITS);
            sum = sum.add(term, DIGITS);
        }
        return sum;
    }
}
