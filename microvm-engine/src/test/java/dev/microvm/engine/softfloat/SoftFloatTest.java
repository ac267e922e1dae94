package dev.microvm.engine.softfloat;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * IEEE 754: rounding, exceptions, exactness. Where the host can, it is the judge; it rounds to
 * nearest.
 */
final class SoftFloatTest {
    private static final int LEAST = -1022;
    private static final int MOST = 1023;

    private final SoftFloat soft = new SoftFloat();
    private final SplittableRandom random = new SplittableRandom(7);

    private static Unpacked of(double value) {
        return new Unpacked().ofDouble(Double.doubleToRawLongBits(value));
    }

    private double rounded(int mode) {
        soft.round(Unpacked.DOUBLE_PRECISION, LEAST, MOST, mode, FloatExceptions.ALL);
        return Double.longBitsToDouble(soft.result.toDouble());
    }

    /** Of any exponent, ordinary and denormal, and of few or many bits. */
    private double any() {
        long bits = random.nextLong() & (random.nextBoolean() ? -1L : -1L << random.nextInt(53));
        double value = Double.longBitsToDouble(random.nextInt(4) == 0 ? bits & 0x800f_ffff_ffff_ffffL : bits);
        return Double.isFinite(value) ? value : 1.5;
    }

    @Test
    void computesAsTheHostDoes() {
        for (int i = 0; i < 200_000; i++) {
            double a = any();
            double b = random.nextBoolean() ? any() : a * (1 + random.nextInt(8) * 0x1p-52);
            soft.add(of(a), of(b), Rounding.NEAREST);
            same(a + b, "%a + %a", a, b);
            soft.subtract(of(a), of(b), Rounding.NEAREST);
            same(a - b, "%a - %a", a, b);
            soft.multiply(of(a), of(b));
            same(a * b, "%a * %a", a, b);
            soft.divide(of(a), of(b));
            same(a / b, "%a / %a", a, b);
            soft.sqrt(of(Math.abs(a)));
            same(Math.sqrt(Math.abs(a)), "sqrt %a", a);
        }
    }

    private void same(double expected, String operation, Object... operands) {
        double actual = rounded(Rounding.NEAREST); // a NaN is as good as another
        if (Double.compare(actual, expected) != 0) {
            assertThat(Double.toHexString(actual)).as(operation, operands).isEqualTo(Double.toHexString(expected));
        }
    }

    @Test
    void findsTheWholeRoot_andWhetherItIsMoreThanAHalfOff() {
        for (int i = 0; i < 50_000; i++) {
            long significand = Long.MIN_VALUE | (random.nextLong() << random.nextInt(64));
            int exponent = random.nextInt(2);
            BigInteger radicand = new BigInteger(Long.toUnsignedString(significand)).shiftLeft(63 + exponent);
            BigInteger root = radicand.sqrt();

            soft.sqrt(new Unpacked().finite(false, exponent, significand, 0));

            assertThat(Long.toUnsignedString(soft.result.significand()))
                    .as("%016x", significand)
                    .isEqualTo(root.toString());
        }
    }

    @Test
    void roundsATie_toEven() {
        soft.add(of(1), of(0x1p-53), Rounding.NEAREST);
        assertThat(rounded(Rounding.NEAREST)).isEqualTo(1.0);
        soft.add(of(1 + 0x1p-52), of(0x1p-53), Rounding.NEAREST);
        assertThat(rounded(Rounding.NEAREST)).isEqualTo(1 + 0x1p-51);
    }

    @Test
    void roundsAway_fromWhereItIsToldNotToGo() {
        double next = 1 + 0x1p-52;
        soft.add(of(1), of(0x1p-80), Rounding.UP);
        assertThat(rounded(Rounding.UP)).isEqualTo(next);
        assertThat(soft.roundedUp()).isTrue();
        soft.add(of(-1), of(-0x1p-80), Rounding.DOWN);
        assertThat(rounded(Rounding.DOWN)).isEqualTo(-next);
        soft.add(of(-1), of(-0x1p-80), Rounding.UP);
        assertThat(rounded(Rounding.UP)).isEqualTo(-1.0);
        soft.add(of(1), of(0x1p-80), Rounding.TRUNCATE);
        assertThat(rounded(Rounding.TRUNCATE)).isEqualTo(1.0);
        assertThat(soft.roundedUp()).isFalse();
    }

    @Test
    void givesANegativeZero_onlyWhenRoundingDown() {
        soft.subtract(of(3), of(3), Rounding.DOWN);
        assertThat(rounded(Rounding.DOWN)).isEqualTo(-0.0);
        soft.subtract(of(3), of(3), Rounding.UP);
        assertThat(rounded(Rounding.UP)).isEqualTo(0.0);
    }

    @Test
    void overflowsToInfinityOrTheLargest_byRounding() {
        soft.multiply(of(Double.MAX_VALUE), of(2));
        assertThat(rounded(Rounding.NEAREST)).isEqualTo(Double.POSITIVE_INFINITY);
        soft.multiply(of(Double.MAX_VALUE), of(2));
        assertThat(rounded(Rounding.DOWN)).isEqualTo(Double.MAX_VALUE);
        soft.multiply(of(-Double.MAX_VALUE), of(2));
        assertThat(rounded(Rounding.TRUNCATE)).isEqualTo(-Double.MAX_VALUE);
        assertThat(soft.raised()).isEqualTo(FloatExceptions.OVERFLOW | FloatExceptions.PRECISION);
    }

    @Test
    void underflows_onlyIfInexact_whenMasked() {
        soft.multiply(of(Double.MIN_NORMAL), of(0.5));
        assertThat(rounded(Rounding.NEAREST)).isEqualTo(Double.MIN_NORMAL / 2);
        assertThat(soft.raised()).isZero();

        soft.multiply(of(Double.MIN_VALUE), of(0.5));
        assertThat(rounded(Rounding.NEAREST)).isZero();
        assertThat(soft.raised()).isEqualTo(FloatExceptions.UNDERFLOW | FloatExceptions.PRECISION);
    }

    @Test
    void isNotTiny_whatRoundsToTheSmallestNormal() {
        soft.multiply(of(Double.MIN_NORMAL), of(1 - 0x1p-53));
        soft.round(Unpacked.DOUBLE_PRECISION, LEAST, MOST, Rounding.UP, FloatExceptions.ALL);

        assertThat(soft.raised())
                .as("tiny: 53 bits hold it")
                .isEqualTo(FloatExceptions.UNDERFLOW | FloatExceptions.PRECISION);
        soft.clear();
        soft.result.finite(false, LEAST - 1, -1L, -1L);
        soft.round(Unpacked.DOUBLE_PRECISION, LEAST, MOST, Rounding.UP, FloatExceptions.ALL);
        assertThat(soft.raised()).as("rounded up to normal").isEqualTo(FloatExceptions.PRECISION);
    }

    @Test
    void refusesWhatHasNoMeaning() {
        Unpacked infinity = new Unpacked().infinity(false);
        soft.subtract(infinity, infinity, Rounding.NEAREST);
        soft.multiply(infinity, new Unpacked());
        soft.divide(new Unpacked(), new Unpacked());
        soft.sqrt(of(-1));

        assertThat(soft.raised()).isEqualTo(FloatExceptions.INVALID);
        assertThat(soft.result.kind()).isEqualTo(Unpacked.Kind.NAN);
    }

    @Test
    void saysSo_whenDividingByZero() {
        soft.divide(of(-1), new Unpacked());

        assertThat(soft.raised()).isEqualTo(FloatExceptions.DIVIDE_BY_ZERO);
        assertThat(soft.result.toDouble()).isEqualTo(Double.doubleToRawLongBits(Double.NEGATIVE_INFINITY));
    }

    @Test
    void keepsEveryExtendedNumber() {
        for (int i = 0; i < 100_000; i++) {
            int signExponent = random.nextInt(0x1_0000);
            long significand =
                    (signExponent & 0x7fff) == 0 ? random.nextLong() >>> 1 : random.nextLong() | Long.MIN_VALUE;
            if ((signExponent & 0x7fff) == 0x7fff) significand = Long.MIN_VALUE;
            Unpacked number = new Unpacked().ofExtended(signExponent, significand);
            assertThat(number.toExtendedSignExponent()).isEqualTo(signExponent);
            assertThat(number.toExtendedSignificand()).isEqualTo(significand);
        }
    }
}
