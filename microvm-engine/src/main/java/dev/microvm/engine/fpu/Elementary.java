package dev.microvm.engine.fpu;

import dev.microvm.engine.softfloat.Unpacked;

/**
 * Elementary functions of positive numbers in {@link Wide} arithmetic, by series after a reduction
 * of the argument. Constants were computed with 600 bits: pi by Machin's formula, arctangents by
 * their series.
 */
final class Elementary {
    // 2/pi, 256 bits after the point: enough for 63 bits of a whole quotient, 66 of cancellation and 127 that stay.
    private static final long TWO_OVER_PI_3 = 0xa2f9_836e_4e44_1529L;
    private static final long TWO_OVER_PI_2 = 0xfc27_57d1_f534_ddc0L;
    private static final long TWO_OVER_PI_1 = 0xdb62_9599_3c43_9041L;
    private static final long TWO_OVER_PI_0 = 0xfe51_63ab_debb_c561L;

    private static final long PI_HIGH = 0xc90f_daa2_2168_c234L; // pi / 2 as a fraction
    private static final long PI_LOW = 0xc4c6_628b_80dc_1cd1L;
    private static final long LN2_HIGH = 0xb172_17f7_d1cf_79abL; // exponent -1
    private static final long LN2_LOW = 0xc9e3_b398_03f2_f6afL;
    private static final long LOG2_E_HIGH = 0xb8aa_3b29_5c17_f0bbL; // exponent 0
    private static final long LOG2_E_LOW = 0xbe87_fed0_691d_3e88L;
    private static final long SQRT_2 = 0xb504_f333_f9de_6484L; // 64 bits are enough to choose by

    /** Arctangents of 0/8 to 8/8, as fractions. */
    private static final long[] ARCTANGENTS = {
        0,
        0,
        0x0fea_dd4d_5617_b6e3L,
        0x2c89_7989_f3e8_88efL,
        0x1f5b_75f9_2c80_dd62L,
        0xadb8_f3de_bef4_42fcL,
        0x2dec_3283_c9bd_e11cL,
        0xe2a8_c848_b73f_9120L,
        0x3b58_ce0a_c376_9ed1L,
        0x5bf9_117b_2f0e_a340L,
        0x4780_2eaf_7bfa_cfcdL,
        0xae41_af0b_32e2_1ba3L,
        0x525e_3e8c_9a7b_8492L,
        0x0cd4_3f95_22be_d64fL,
        0x5c02_9f15_e118_cf39L,
        0xe596_d2a9_0852_221eL,
        0x6487_ed51_10b4_611aL,
        0x6263_3145_c06e_0e68L,
    };

    // Terms of each series: the next would be less than 2^-110.
    private static final int EXPONENTIAL_TERMS = 30; // of up to 0.694
    private static final int LOGARITHM_TERMS = 22; // of squares up to 0.0295
    private static final int ARCTANGENT_TERMS = 14; // of squares up to 2^-8
    private static final int CIRCULAR_TERMS = 15; // of squares up to 0.617

    private static final int REDUCED_NEGATIVE = 1 << 2;

    private Elementary() {}

    // ---- exponential

    /** The magnitude of {@code 2^x - 1}, of the magnitude of {@code x} less than 1. */
    static void exponentialMinusOne(Unpacked x, Wide w) {
        w.set(x.significand(), 0);
        w.exponent = x.exponent();
        w.scaledBy(LN2_HIGH, LN2_LOW, -1);
        Wide t = new Wide().set(w).toFraction();
        Wide sum = new Wide().one();
        for (int k = EXPONENTIAL_TERMS; k >= 2; k--) sum.times(t).dividedBy(k).fromOne(x.negative());
        w.scaledBy(sum.normalize());
    }

    // ---- logarithms

    /**
     * The magnitude of {@code log2(x)}, which is no whole number; returns whether it is negative.
     */
    static boolean logarithm(Unpacked x, Wide w) {
        boolean down = Long.compareUnsigned(x.significand(), SQRT_2) > 0;
        int whole = down ? x.exponent() + 1 : x.exponent();
        long fraction = x.significand() & Long.MAX_VALUE;
        // (m - 1) / (m + 1), or (2 - m) / (2 + m) of the other sign; denominators in quarters
        long numerator = down ? -x.significand() : fraction; // of 63 bits after the point; 2 is 2^64
        long denominatorHigh = down
                ? (x.significand() >>> 2) + 0x4000_0000_0000_0000L
                : (x.significand() >>> 2) + 0x2000_0000_0000_0000L;
        long denominatorLow = x.significand() << 62;
        ratio(w, numerator, 0, denominatorHigh, denominatorLow);
        logarithmSeries(w);
        if (whole == 0) return down;
        return addWhole(w, whole, down);
    }

    /** The magnitude of {@code log2(1 + x)}, of the magnitude of {@code x} less than one half. */
    static void logarithmPlusOne(Unpacked x, Wide w) {
        // x / (2 + x)
        Wide magnitude = new Wide().set(x.significand(), 0);
        magnitude.exponent = x.exponent();
        Wide denominator = new Wide().set(magnitude);
        denominator.exponent -= 1;
        denominator.toFraction().fromOne(x.negative()); // 1 + x/2
        denominator.exponent = 1;
        denominator.normalize();
        w.set(magnitude).dividedBy(denominator.high, denominator.low, denominator.exponent);
        logarithmSeries(w);
    }

    /** A numerator by a denominator, of 63 and of 61 bits after the point in their high words. */
    private static void ratio(Wide w, long numerator, int exponent, long denominatorHigh, long denominatorLow) {
        Wide denominator = new Wide().set(denominatorHigh, denominatorLow);
        denominator.exponent = 2;
        denominator.normalize();
        w.set(numerator, 0);
        w.exponent = exponent;
        w.normalize().dividedBy(denominator.high, denominator.low, denominator.exponent);
    }

    /** {@code 2 / ln 2 * artanh(z)}: {@code z (1 + z^2/3 + z^4/5 ...)}. */
    private static void logarithmSeries(Wide w) {
        Wide z = new Wide().set(w).toFraction();
        Wide square = new Wide().set(z).times(z);
        Wide sum = new Wide();
        oddReciprocals(sum, square, LOGARITHM_TERMS, false);
        w.scaledBy(sum.normalize()).scaledBy(LOG2_E_HIGH, LOG2_E_LOW, 1);
    }

    /** {@code 1 + u/3 + u^2/5 ...}, or with alternating signs. */
    private static void oddReciprocals(Wide sum, Wide u, int terms, boolean alternates) {
        Wide reciprocal = new Wide();
        sum.set(0, 0);
        for (int k = terms; k >= 0; k--) {
            sum.times(u);
            reciprocal.one().dividedBy(2 * k + 1);
            if (alternates) sum.from(reciprocal.high, reciprocal.low);
            else sum.plus(reciprocal.high, reciprocal.low);
        }
        sum.exponent = 0;
    }

    /**
     * Adds a whole number to a logarithm of less than one half; returns whether the sum is
     * negative.
     */
    private static boolean addWhole(Wide w, int whole, boolean negative) {
        int magnitude = Math.abs(whole);
        int top = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(magnitude);
        w.exponent -= top; // both as fractions of 2^top
        w.toFraction();
        long high = (long) magnitude << (63 - top);
        if (negative == whole < 0) w.plus(high, 0);
        else w.from(high, 0);
        w.exponent = top;
        if (w.high >= 0) w.normalize();
        return whole < 0;
    }

    // ---- arctangent

    /** {@code pi / 2}, or pi. */
    static void pi(Wide w, int exponent) {
        w.set(PI_HIGH, PI_LOW);
        w.exponent = exponent;
    }

    /** Quarters of pi: 1 or 3. */
    static void quarters(Wide w, int count) {
        pi(w, -1);
        if (count == 1) return;
        w.toFraction().plus(PI_HIGH, PI_LOW); // 2.36 is beyond a fraction: halved below
        w.set((w.high >>> 1) | Long.MIN_VALUE, (w.low >>> 1) | (w.high << 63));
        w.exponent = 1;
    }

    /** The angle of a point, both of whose coordinates are finite and not zero, above the axis. */
    static void arctangent(Unpacked x, Unpacked y, Wide w) {
        boolean steep = y.exponent() != x.exponent()
                ? y.exponent() > x.exponent()
                : Long.compareUnsigned(y.significand(), x.significand()) > 0;
        Unpacked less = steep ? x : y;
        Unpacked more = steep ? y : x;
        w.set(less.significand(), 0);
        w.exponent = less.exponent();
        w.dividedBy(more.significand(), 0, more.exponent());
        arctangentOfRatio(w);
        if (steep) fromQuarterTurn(w, x.negative());
        else if (x.negative()) fromHalfTurn(w);
    }

    private static void fromQuarterTurn(Wide w, boolean beyond) {
        w.toFraction();
        if (!beyond) {
            w.from(PI_HIGH, PI_LOW);
            w.exponent = 0;
            w.normalize();
            return;
        }
        halve(w);
        w.plus(PI_HIGH >>> 1, (PI_LOW >>> 1) | (PI_HIGH << 63));
        w.exponent = 1;
        w.normalize();
    }

    private static void fromHalfTurn(Wide w) {
        w.toFraction();
        halve(w);
        w.from(PI_HIGH, PI_LOW);
        w.exponent = 1;
        w.normalize();
    }

    private static void halve(Wide w) {
        w.set(w.high >>> 1, (w.low >>> 1) | (w.high << 63));
    }

    /**
     * Of a ratio of up to 1, as a significand: {@code atan(i/8) + atan((r - i/8) / (1 + r i/8))}.
     */
    private static void arctangentOfRatio(Wide w) {
        Wide ratio = new Wide().set(w).toFraction();
        int eighths = (int) ((ratio.high + (1L << 59)) >>> 60);
        if (eighths == 0) {
            arctangentSeries(w);
            return;
        }
        long eighth = (long) eighths << 60;
        boolean below = Long.compareUnsigned(ratio.high, eighth) < 0;
        Wide denominator =
                new Wide().set(ratio).times(new Wide().set(eighth, 0)).fromOne(false);
        denominator.exponent = 0;
        denominator.normalize();
        w.set(ratio);
        if (below) w.from(eighth, 0);
        else w.minus(eighth, 0);
        w.exponent = 0;
        if (!w.isZero()) {
            w.normalize().dividedBy(denominator.high, denominator.low, denominator.exponent);
            arctangentSeries(w);
            w.toFraction();
        }
        long high = ARCTANGENTS[2 * eighths];
        long low = ARCTANGENTS[2 * eighths + 1];
        if (below) w.from(high, low);
        else w.plus(high, low);
        w.exponent = 0;
        w.normalize();
    }

    /** {@code t (1 - t^2/3 + t^4/5 ...)}. */
    private static void arctangentSeries(Wide w) {
        Wide t = new Wide().set(w).toFraction();
        Wide square = new Wide().set(t).times(t);
        Wide sum = new Wide();
        oddReciprocals(sum, square, ARCTANGENT_TERMS, true);
        sum.belowOne();
        w.scaledBy(sum.normalize());
    }

    // ---- sine, cosine, tangent

    /**
     * Reduces the magnitude of an angle to at most a quarter of pi; returns the quadrant, 0 to 3,
     * and whether what is left is negative.
     */
    static int reduce(Unpacked x, Wide w) {
        w.set(x.significand(), 0);
        w.exponent = x.exponent();
        if (x.exponent() < -1) return 0;
        // x * 2/pi: 64 bits of whole quotient, 256 bits after the point
        long s = x.significand();
        long w0 = s * TWO_OVER_PI_0;
        long carry = Math.unsignedMultiplyHigh(s, TWO_OVER_PI_0);
        long w1 = s * TWO_OVER_PI_1 + carry;
        carry = Math.unsignedMultiplyHigh(s, TWO_OVER_PI_1) + (Long.compareUnsigned(w1, carry) < 0 ? 1 : 0);
        long w2 = s * TWO_OVER_PI_2 + carry;
        carry = Math.unsignedMultiplyHigh(s, TWO_OVER_PI_2) + (Long.compareUnsigned(w2, carry) < 0 ? 1 : 0);
        long w3 = s * TWO_OVER_PI_3 + carry;
        carry = Math.unsignedMultiplyHigh(s, TWO_OVER_PI_3) + (Long.compareUnsigned(w3, carry) < 0 ? 1 : 0);
        return quadrant(w, x.exponent() + 1, carry, w3, w2, w1 | (w0 != 0 ? 1 : 0));
    }

    /** Splits a quotient of {@code w4.w3 w2 w1 * 2^-64 * 2^shift}, shift 0 to 63, at its point. */
    private static int quadrant(Wide w, int shift, long w4, long w3, long w2, long w1) {
        int whole = 0;
        long f2 = w4;
        long f1 = w3;
        long f0 = w2;
        if (shift != 0) {
            whole = (int) (w4 >>> (64 - shift)) & 3;
            f2 = (w4 << shift) | (w3 >>> (64 - shift));
            f1 = (w3 << shift) | (w2 >>> (64 - shift));
            f0 = (w2 << shift) | (w1 >>> (64 - shift));
        }
        boolean negative = f2 < 0; // more than a half: one more quadrant, less the rest
        if (negative) {
            whole = (whole + 1) & 3;
            f0 = -f0;
            f1 = ~f1 + (f0 == 0 ? 1 : 0);
            f2 = ~f2 + (f0 == 0 && f1 == 0 ? 1 : 0);
        }
        int zeros = f2 != 0 ? Long.numberOfLeadingZeros(f2) : 64 + Long.numberOfLeadingZeros(f1);
        if (zeros >= 64) {
            f2 = f1;
            f1 = f0;
            f0 = 0;
        }
        int left = zeros & 63;
        w.set(
                left == 0 ? f2 : (f2 << left) | (f1 >>> (64 - left)),
                left == 0 ? f1 : (f1 << left) | (f0 >>> (64 - left)));
        w.exponent = -1 - zeros;
        w.scaledBy(PI_HIGH, PI_LOW, 0);
        return negative ? whole | REDUCED_NEGATIVE : whole;
    }

    /** Whether what {@link #reduce} left is negative. */
    static boolean isReducedNegative(int quadrant) {
        return (quadrant & REDUCED_NEGATIVE) != 0;
    }

    /** The sine of up to a quarter of pi: {@code r (1 - r^2/6 (1 - r^2/20 ...))}. */
    static void sine(Wide w) {
        Wide square = square(w);
        Wide sum = new Wide().one();
        for (int k = CIRCULAR_TERMS; k >= 1; k--)
            sum.times(square).dividedBy(2 * k * (2 * k + 1)).fromOne(true);
        sum.belowOne();
        w.scaledBy(sum.normalize());
    }

    /** The cosine of up to a quarter of pi: {@code 1 - r^2/2 (1 - r^2/12 ...)}. */
    static void cosine(Wide w) {
        Wide square = square(w);
        Wide sum = new Wide().one();
        for (int k = CIRCULAR_TERMS; k >= 1; k--)
            sum.times(square).dividedBy((2 * k - 1) * 2 * k).fromOne(true);
        sum.exponent = 0;
        sum.belowOne();
        w.set(sum.normalize());
    }

    /** The tangent, or, a quadrant on, the cotangent. */
    static void tangent(Wide w, boolean inverse) {
        Wide sine = new Wide().set(w);
        sine(sine);
        cosine(w);
        if (inverse) {
            w.dividedBy(sine.high, sine.low, sine.exponent);
        } else {
            Wide cosine = new Wide().set(w);
            w.set(sine).dividedBy(cosine.high, cosine.low, cosine.exponent);
        }
    }

    private static Wide square(Wide w) {
        Wide fraction = new Wide().set(w).toFraction();
        return fraction.times(new Wide().set(fraction));
    }
}
