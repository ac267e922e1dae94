package dev.microvm.engine.fpu;

/**
 * An unsigned number of 128 bits that is changed in place: either a fraction from 0 to 2 with 127
 * bits after the point, or a significand whose top bit is set, with an {@link #exponent}. Errors
 * are a few units of its last place. For one thread.
 */
final class Wide {
    long high;
    long low;
    int exponent; // of a significand: the value is high.low / 2^127 * 2^exponent

    Wide set(long newHigh, long newLow) {
        high = newHigh;
        low = newLow;
        return this;
    }

    Wide set(Wide from) {
        exponent = from.exponent;
        return set(from.high, from.low);
    }

    /** Becomes the fraction 1. */
    Wide one() {
        return set(Long.MIN_VALUE, 0);
    }

    /**
     * A fraction of exactly 1, which stands for a little less, becomes that: so that it is rounded
     * the right way.
     */
    void belowOne() {
        if (high != Long.MIN_VALUE || low != 0) return;
        set(-1, -1);
        exponent = -1;
    }

    boolean isZero() {
        return (high | low) == 0;
    }

    /** Becomes the upper half of its product with another. */
    private Wide multiplyHigh(long byHigh, long byLow) {
        long middle1 = Math.unsignedMultiplyHigh(high, byLow);
        long middle2 = Math.unsignedMultiplyHigh(low, byHigh);
        long newHigh = Math.unsignedMultiplyHigh(high, byHigh);
        long newLow = high * byHigh;
        newLow += middle1;
        if (Long.compareUnsigned(newLow, middle1) < 0) newHigh++;
        newLow += middle2;
        if (Long.compareUnsigned(newLow, middle2) < 0) newHigh++;
        return set(newHigh, newLow);
    }

    /** A fraction times a fraction, of less than 2. */
    Wide times(Wide by) {
        multiplyHigh(by.high, by.low);
        return set((high << 1) | (low >>> 63), low << 1);
    }

    /** A significand times a significand. */
    Wide scaledBy(Wide by) {
        return scaledBy(by.high, by.low, by.exponent);
    }

    /** A significand times a significand. */
    Wide scaledBy(long byHigh, long byLow, int byExponent) {
        multiplyHigh(byHigh, byLow);
        exponent += byExponent + 1;
        return normalize();
    }

    /** Divides by a small number. */
    Wide dividedBy(int divisor) {
        long quotientHigh = Long.divideUnsigned(high, divisor);
        long rest = high - quotientHigh * divisor;
        long upper = (rest << 32) | (low >>> 32);
        long digit1 = Long.divideUnsigned(upper, divisor);
        long lower = ((upper - digit1 * divisor) << 32) | (low & 0xffff_ffffL);
        return set(quotientHigh, (digit1 << 32) | Long.divideUnsigned(lower, divisor));
    }

    /** A significand divided by another, bit by bit. */
    Wide dividedBy(long byHigh, long byLow, int byExponent) {
        long quotientHigh = 0;
        long quotientLow = 0;
        boolean carry = false;
        for (int i = 0; i < 128; i++) {
            boolean fits = carry || compareUnsigned(high, low, byHigh, byLow) >= 0;
            quotientHigh = (quotientHigh << 1) | (quotientLow >>> 63);
            quotientLow = (quotientLow << 1) | (fits ? 1 : 0);
            if (fits) minus(byHigh, byLow);
            carry = high < 0;
            set((high << 1) | (low >>> 63), low << 1);
        }
        exponent -= byExponent;
        return set(quotientHigh, quotientLow).normalize();
    }

    private static int compareUnsigned(long aHigh, long aLow, long bHigh, long bLow) {
        return aHigh != bHigh ? Long.compareUnsigned(aHigh, bHigh) : Long.compareUnsigned(aLow, bLow);
    }

    Wide minus(long byHigh, long byLow) {
        long borrow = Long.compareUnsigned(low, byLow) < 0 ? 1 : 0;
        return set(high - byHigh - borrow, low - byLow);
    }

    Wide plus(long byHigh, long byLow) {
        long sum = low + byLow;
        long carry = Long.compareUnsigned(sum, byLow) < 0 ? 1 : 0;
        return set(high + byHigh + carry, sum);
    }

    /** A fraction: one less or more itself. */
    Wide fromOne(boolean subtract) {
        if (!subtract) return plus(Long.MIN_VALUE, 0);
        long lowDifference = -low;
        return set(Long.MIN_VALUE - high - (low != 0 ? 1 : 0), lowDifference);
    }

    /** Subtracts from another number. */
    Wide from(long whole, long wholeLow) {
        long borrow = Long.compareUnsigned(wholeLow, low) < 0 ? 1 : 0;
        return set(whole - high - borrow, wholeLow - low);
    }

    /** Moves the top bit of a significand up to where it belongs. */
    Wide normalize() {
        if (isZero()) return this;
        int shift = high != 0 ? Long.numberOfLeadingZeros(high) : 64 + Long.numberOfLeadingZeros(low);
        exponent -= shift;
        if (shift >= 64) set(low << (shift - 64), 0);
        else if (shift > 0) set((high << shift) | (low >>> (64 - shift)), low << shift);
        return this;
    }

    /**
     * A significand of less than 2 as a fraction; of a fraction, with exponent 0, nothing happens.
     */
    Wide toFraction() {
        int shift = -exponent;
        exponent = 0;
        if (shift >= 128) return set(0, 0);
        if (shift >= 64) return set(0, high >>> (shift - 64));
        if (shift > 0) return set(high >>> shift, (low >>> shift) | (high << (64 - shift)));
        return this;
    }
}
