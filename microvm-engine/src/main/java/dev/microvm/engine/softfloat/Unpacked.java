package dev.microvm.engine.softfloat;

/**
 * A number taken apart: sign, exponent, significand. For a finite number other than zero the value
 * is {@code significand / 2^63 * 2^exponent}, with bit 63 of the significand set; {@code rest} has
 * 64 more bits below, the last of which stands for all that follow. Mutable, so that nothing is
 * allocated; for one thread.
 */
public final class Unpacked {
    /** What a number is. */
    public enum Kind {
        /** Zero, of either sign. */
        ZERO,
        /** Anything but zero that is finite. */
        FINITE,
        /** Infinity, of either sign. */
        INFINITE,
        /** Not a number; as a result, that of an invalid operation. */
        NAN
    }

    /** Precision of a float, in bits of significand. */
    public static final int FLOAT_PRECISION = 24;

    /** Precision of a double. */
    public static final int DOUBLE_PRECISION = 53;

    /** Precision of an extended double. */
    public static final int EXTENDED_PRECISION = 64;

    // Formats: Intel SDM vol. 1, table 4-3.
    private static final int FLOAT_BIAS = 127;
    private static final int DOUBLE_BIAS = 1023;
    private static final int EXTENDED_BIAS = 16383;
    private static final int FLOAT_EXPONENT = 0xff;
    private static final int DOUBLE_EXPONENT = 0x7ff;
    private static final int EXTENDED_EXPONENT = 0x7fff;
    private static final int FLOAT_FRACTION_BITS = 23;
    private static final int DOUBLE_FRACTION_BITS = 52;
    private static final long DOUBLE_FRACTION = (1L << DOUBLE_FRACTION_BITS) - 1;
    private static final int FLOAT_FRACTION = (1 << FLOAT_FRACTION_BITS) - 1;
    private static final long INTEGER_BIT = Long.MIN_VALUE;

    Kind kind = Kind.ZERO;
    boolean negative;
    int exponent;
    long significand;
    long rest;
    private boolean denormal;

    /** Makes a zero. */
    public Unpacked() {}

    public Kind kind() {
        return kind;
    }

    public boolean negative() {
        return negative;
    }

    /** Of the highest bit. */
    public int exponent() {
        return exponent;
    }

    public long significand() {
        return significand;
    }

    /** Whether it was unpacked from a denormal number. */
    public boolean isDenormal() {
        return denormal;
    }

    /** Turns the sign. */
    public void negate() {
        negative = !negative;
    }

    /** Sets the sign. */
    public void negative(boolean sign) {
        negative = sign;
    }

    /** Multiplies a finite number by a power of two. */
    public void scale(int by) {
        exponent += by;
    }

    /** Becomes a copy. */
    public Unpacked set(Unpacked from) {
        kind = from.kind;
        negative = from.negative;
        exponent = from.exponent;
        significand = from.significand;
        rest = from.rest;
        denormal = from.denormal;
        return this;
    }

    /** Becomes a zero. */
    public Unpacked zero(boolean sign) {
        return special(Kind.ZERO, sign);
    }

    /** Becomes an infinity. */
    public Unpacked infinity(boolean sign) {
        return special(Kind.INFINITE, sign);
    }

    /** Becomes the result of an invalid operation. */
    public Unpacked nan() {
        return special(Kind.NAN, true);
    }

    private Unpacked special(Kind newKind, boolean sign) {
        kind = newKind;
        negative = sign;
        exponent = 0;
        significand = 0;
        rest = 0;
        denormal = false;
        return this;
    }

    /**
     * Becomes {@code high * 2^64 + low} times {@code 2^(exponent - 127)}: a 128-bit significand,
     * normalized here.
     */
    public Unpacked finite(boolean sign, int newExponent, long high, long low) {
        if ((high | low) == 0) return zero(sign);
        special(Kind.FINITE, sign);
        int shift = high != 0 ? Long.numberOfLeadingZeros(high) : Long.SIZE + Long.numberOfLeadingZeros(low);
        exponent = newExponent - shift;
        if (shift >= Long.SIZE) {
            significand = low << (shift - Long.SIZE);
        } else {
            significand = shift == 0 ? high : (high << shift) | (low >>> (Long.SIZE - shift));
            rest = low << shift;
        }
        return this;
    }

    // ---- from formats; a NaN keeps nothing but its kind

    /** Unpacks a double. */
    public Unpacked ofDouble(long bits) {
        int biased = (int) (bits >>> DOUBLE_FRACTION_BITS) & DOUBLE_EXPONENT;
        long fraction = bits & DOUBLE_FRACTION;
        return of(bits < 0, biased, DOUBLE_EXPONENT, DOUBLE_BIAS, fraction << (63 - DOUBLE_FRACTION_BITS));
    }

    /** Unpacks a float. */
    public Unpacked ofFloat(int bits) {
        int biased = (bits >>> FLOAT_FRACTION_BITS) & FLOAT_EXPONENT;
        long fraction = bits & FLOAT_FRACTION;
        return of(bits < 0, biased, FLOAT_EXPONENT, FLOAT_BIAS, fraction << (63 - FLOAT_FRACTION_BITS));
    }

    /**
     * Unpacks an extended double, pseudo-denormals included; unnormals are for the caller to
     * refuse.
     *
     * @param signExponent bits 64 to 79
     * @param bits the significand, with its integer bit
     */
    public Unpacked ofExtended(int signExponent, long bits) {
        boolean sign = (signExponent & 0x8000) != 0;
        int biased = signExponent & EXTENDED_EXPONENT;
        if (biased == 0) {
            finite(sign, 1 - EXTENDED_BIAS, bits, 0);
            denormal = bits != 0;
            return this;
        }
        return of(sign, biased, EXTENDED_EXPONENT, EXTENDED_BIAS, bits & ~INTEGER_BIT);
    }

    /** Becomes an integer, signed. */
    public Unpacked ofLong(long value) {
        return finite(value < 0, 63, Math.abs(value), 0); // of MIN_VALUE too: its magnitude, unsigned
    }

    private Unpacked of(boolean sign, int biased, int special, int bias, long fraction) {
        if (biased == special) return fraction == 0 ? infinity(sign) : special(Kind.NAN, sign);
        if (biased == 0) {
            finite(sign, 1 - bias, fraction, 0);
            denormal = fraction != 0;
            return this;
        }
        special(Kind.FINITE, sign);
        exponent = biased - bias;
        significand = fraction | INTEGER_BIT;
        return this;
    }

    // ---- to formats; the number was rounded for the format

    /** Packs a double; a NaN is the default one. */
    public long toDouble() {
        long sign = negative ? Long.MIN_VALUE : 0;
        return sign
                | switch (kind) {
                    case ZERO -> 0;
                    case INFINITE -> (long) DOUBLE_EXPONENT << DOUBLE_FRACTION_BITS;
                    case NAN -> 0xfff8_0000_0000_0000L;
                    case FINITE -> packed(DOUBLE_BIAS, DOUBLE_FRACTION_BITS);
                };
    }

    /** Packs a float; a NaN is the default one. */
    public int toFloat() {
        int sign = negative ? Integer.MIN_VALUE : 0;
        return sign
                | switch (kind) {
                    case ZERO -> 0;
                    case INFINITE -> FLOAT_EXPONENT << FLOAT_FRACTION_BITS;
                    case NAN -> 0xffc0_0000;
                    case FINITE -> (int) packed(FLOAT_BIAS, FLOAT_FRACTION_BITS);
                };
    }

    private long packed(int bias, int fractionBits) {
        int biased = exponent + bias;
        if (biased <= 0)
            return significand >>> (64 - fractionBits - biased); // a denormal: bits go where its exponent is
        return ((long) biased << fractionBits) | ((significand & ~INTEGER_BIT) >>> (63 - fractionBits));
    }

    /** Packs bits 64 to 79 of an extended double; a NaN is the default one. */
    public int toExtendedSignExponent() {
        int sign = negative ? 0x8000 : 0;
        return sign
                | switch (kind) {
                    case ZERO -> 0;
                    case INFINITE, NAN -> EXTENDED_EXPONENT;
                    case FINITE -> Math.max(exponent + EXTENDED_BIAS, 0);
                };
    }

    /** Packs the significand of an extended double. */
    public long toExtendedSignificand() {
        return switch (kind) {
            case ZERO -> 0;
            case INFINITE -> INTEGER_BIT;
            case NAN -> 0xc000_0000_0000_0000L;
            case FINITE -> {
                int biased = exponent + EXTENDED_BIAS;
                yield biased <= 0 ? significand >>> (1 - biased) : significand;
            }
        };
    }
}
