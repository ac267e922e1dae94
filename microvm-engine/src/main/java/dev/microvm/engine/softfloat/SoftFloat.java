package dev.microvm.engine.softfloat;

import static dev.microvm.engine.softfloat.FloatExceptions.DIVIDE_BY_ZERO;
import static dev.microvm.engine.softfloat.FloatExceptions.INVALID;
import static dev.microvm.engine.softfloat.FloatExceptions.OVERFLOW;
import static dev.microvm.engine.softfloat.FloatExceptions.PRECISION;
import static dev.microvm.engine.softfloat.FloatExceptions.UNDERFLOW;

import dev.microvm.engine.softfloat.Unpacked.Kind;

/**
 * Arithmetic on {@link Unpacked} numbers: each operation leaves a result of 128 bits, the last of
 * which is sticky, which {@link #round} then rounds. Operands are never NaNs, and are not changed.
 * An operation on a special operand leaves its result whole and says what is wrong with it in
 * {@link #raised}. For one thread; allocates nothing.
 */
public final class SoftFloat {
    /** The result. */
    public final Unpacked result = new Unpacked();

    private int raised; // FloatExceptions, since clear()
    private boolean roundedUp;
    private long remainderHigh; // of divide128: the remainder

    /** Makes one with a result of zero. */
    public SoftFloat() {}

    /** Exceptions since {@link #clear}: {@link FloatExceptions}. */
    public int raised() {
        return raised;
    }

    /** Adds exceptions. */
    public void raise(int exceptions) {
        raised |= exceptions;
    }

    /** Forgets exceptions. */
    public void clear() {
        raised = 0;
        roundedUp = false;
    }

    /** Whether {@link #round} made the last result larger in magnitude. */
    public boolean roundedUp() {
        return roundedUp;
    }

    private void invalid() {
        raised |= INVALID;
        result.nan();
    }

    // ---- sums

    /** {@code a + b}; an exact zero of opposite signs is negative only when rounding down. */
    public void add(Unpacked a, Unpacked b, int mode) {
        sum(a, b, b.negative, mode);
    }

    /** {@code a - b}. */
    public void subtract(Unpacked a, Unpacked b, int mode) {
        sum(a, b, !b.negative, mode);
    }

    private void sum(Unpacked a, Unpacked b, boolean bNegative, int mode) {
        if (a.kind == Kind.INFINITE || b.kind == Kind.INFINITE) {
            if (a.kind == b.kind && a.negative != bNegative) invalid();
            else result.infinity(a.kind == Kind.INFINITE ? a.negative : bNegative);
        } else if (a.kind == Kind.ZERO && b.kind == Kind.ZERO) {
            result.zero(a.negative == bNegative ? a.negative : mode == Rounding.DOWN);
        } else if (a.kind == Kind.ZERO) {
            result.set(b).negative(bNegative);
        } else if (b.kind == Kind.ZERO) {
            result.set(a);
        } else if (a.negative == bNegative) {
            addMagnitudes(a, b);
        } else {
            subtractMagnitudes(a, b, bNegative, mode);
        }
    }

    private void addMagnitudes(Unpacked a, Unpacked b) {
        Unpacked large = a.exponent >= b.exponent ? a : b;
        Unpacked small = large == a ? b : a;
        int shift = large.exponent - small.exponent;
        long high = shiftedHigh(small, shift);
        long low = shiftedLow(small, shift);
        long lowSum = large.rest + low;
        int carry = Long.compareUnsigned(lowSum, low) < 0 ? 1 : 0;
        long highSum = large.significand + high;
        boolean overflow = Long.compareUnsigned(highSum, high) < 0;
        highSum += carry;
        overflow |= carry != 0 && highSum == 0;
        if (overflow) {
            long sticky = lowSum & 1;
            result.finite(
                    a.negative,
                    large.exponent + 1,
                    (highSum >>> 1) | Long.MIN_VALUE,
                    (highSum << 63) | (lowSum >>> 1) | sticky);
        } else {
            result.finite(a.negative, large.exponent, highSum, lowSum);
        }
    }

    private void subtractMagnitudes(Unpacked a, Unpacked b, boolean bNegative, int mode) {
        boolean aIsLarge = a.exponent != b.exponent
                ? a.exponent > b.exponent
                : compareUnsigned(a.significand, a.rest, b.significand, b.rest) >= 0;
        Unpacked large = aIsLarge ? a : b;
        Unpacked small = aIsLarge ? b : a;
        int shift = large.exponent - small.exponent;
        long low = shiftedLow(small, shift);
        long high = shiftedHigh(small, shift);
        long lowDifference = large.rest - low;
        long borrow = Long.compareUnsigned(large.rest, low) < 0 ? 1 : 0;
        long highDifference = large.significand - high - borrow;
        if ((highDifference | lowDifference) == 0) result.zero(mode == Rounding.DOWN);
        else result.finite(aIsLarge ? a.negative : bNegative, large.exponent, highDifference, lowDifference);
    }

    private static int compareUnsigned(long aHigh, long aLow, long bHigh, long bLow) {
        return aHigh != bHigh ? Long.compareUnsigned(aHigh, bHigh) : Long.compareUnsigned(aLow, bLow);
    }

    private static long shiftedHigh(Unpacked n, int shift) {
        return shift >= 64 ? 0 : n.significand >>> shift;
    }

    /** The low word of a 128-bit right shift, with what is lost in its last bit. */
    private static long shiftedLow(Unpacked n, int shift) {
        if (shift == 0) return n.rest;
        if (shift < 64) {
            long lost = n.rest << (64 - shift);
            return (n.significand << (64 - shift)) | (n.rest >>> shift) | (lost != 0 ? 1 : 0);
        }
        if (shift >= 128) return 1;
        long kept = n.significand >>> (shift - 64);
        long lost = shift == 64 ? n.rest : (n.significand << (128 - shift)) | n.rest;
        return kept | (lost != 0 ? 1 : 0);
    }

    // ---- products and quotients

    /** {@code a * b}; of significands of 64 bits. */
    public void multiply(Unpacked a, Unpacked b) {
        boolean sign = a.negative != b.negative;
        if (a.kind == Kind.INFINITE || b.kind == Kind.INFINITE) {
            if (a.kind == Kind.ZERO || b.kind == Kind.ZERO) invalid();
            else result.infinity(sign);
        } else if (a.kind == Kind.ZERO || b.kind == Kind.ZERO) {
            result.zero(sign);
        } else {
            long high = Math.unsignedMultiplyHigh(a.significand, b.significand);
            result.finite(sign, a.exponent + b.exponent + 1, high, a.significand * b.significand);
        }
    }

    /** {@code a / b}; of significands of 64 bits. */
    public void divide(Unpacked a, Unpacked b) {
        boolean sign = a.negative != b.negative;
        if (a.kind == b.kind && a.kind != Kind.FINITE) {
            invalid(); // 0/0 or infinity/infinity
        } else if (a.kind == Kind.INFINITE) {
            result.infinity(sign);
        } else if (a.kind == Kind.ZERO || b.kind == Kind.INFINITE) {
            result.zero(sign);
        } else if (b.kind == Kind.ZERO) {
            raised |= DIVIDE_BY_ZERO;
            result.infinity(sign);
        } else {
            divideMagnitudes(a, b, sign);
        }
    }

    private void divideMagnitudes(Unpacked a, Unpacked b, boolean sign) {
        // a/2 is less than b, so that each quotient fits 64 bits
        long high = divide128(a.significand >>> 1, a.significand << 63, b.significand);
        long low = divide128(remainderHigh, 0, b.significand);
        if (remainderHigh != 0) low |= 1;
        result.finite(sign, a.exponent - b.exponent, high, low);
    }

    /**
     * A 128-bit number by a 64-bit one whose top bit is set and that is above {@code high}; sets
     * {@link #remainderHigh}.
     */
    private long divide128(long high, long low, long divisor) {
        long digit1 = digit(high, low >>> 32, divisor);
        long middle = ((high << 32) | (low >>> 32)) - digit1 * divisor;
        long digit0 = digit(middle, low & 0xffff_ffffL, divisor);
        remainderHigh = ((middle << 32) | (low & 0xffff_ffffL)) - digit0 * divisor;
        return (digit1 << 32) | digit0;
    }

    /**
     * One digit of 32 bits: Knuth, The Art of Computer Programming vol. 2, 4.3.1, algorithm D, step
     * D3.
     */
    private static long digit(long high, long next, long divisor) {
        long divisorHigh = divisor >>> 32;
        long divisorLow = divisor & 0xffff_ffffL;
        long digit = Long.divideUnsigned(high, divisorHigh);
        long remainder = high - digit * divisorHigh;
        while (digit > 0xffff_ffffL || Long.compareUnsigned(digit * divisorLow, (remainder << 32) | next) > 0) {
            digit--;
            remainder += divisorHigh;
            if (remainder > 0xffff_ffffL) break;
        }
        return digit;
    }

    /** The square root; of a significand of 64 bits. */
    public void sqrt(Unpacked a) {
        if (a.kind == Kind.ZERO) {
            result.zero(a.negative);
        } else if (a.negative) {
            invalid();
        } else if (a.kind == Kind.INFINITE) {
            result.infinity(false);
        } else {
            sqrtMagnitude(a);
        }
    }

    /**
     * The whole root of a 128-bit number, 64 bits, from an estimate; the half bit and the sticky
     * one from the remainder.
     */
    private void sqrtMagnitude(Unpacked a) {
        boolean odd = (a.exponent & 1) != 0;
        long high = odd ? a.significand : a.significand >>> 1;
        long low = odd ? 0 : a.significand << 63;
        long root = estimateRoot(high, low);
        long rest = isBelow(root, high, low) ? 1L << 63 : 0;
        if (root * root != low || Math.unsignedMultiplyHigh(root, root) != high) rest |= 1;
        result.finite(false, Math.floorDiv(a.exponent, 2), root, rest);
    }

    /** The largest whole number whose square is at most the given one, which is 2^126 or more. */
    private static long estimateRoot(long high, long low) {
        double approximate = Math.sqrt((double) (high >>> 1)) * 0x1p32 * Math.sqrt(2.0);
        long root = (long) (approximate * 0.5) << 1;
        double off = remainder(root, high, low) / (2 * (double) (root >>> 1) * 2);
        long corrected = root + (long) off;
        if (root < 0 && corrected >= 0) corrected = off > 0 ? -1L : Long.MIN_VALUE; // not beyond 64 bits
        while (remainderHigh(corrected, high, low) < 0) corrected--;
        while (corrected != -1L && remainderHigh(corrected + 1, high, low) >= 0) corrected++;
        return corrected;
    }

    /** The number minus the square of a root near to that of it. */
    private static double remainder(long root, long high, long low) {
        long lowDifference = low - root * root;
        return remainderHigh(root, high, low) * 0x1p64 + (lowDifference >>> 1) * 2.0;
    }

    private static long remainderHigh(long root, long high, long low) {
        long borrow = Long.compareUnsigned(low, root * root) < 0 ? 1 : 0;
        return high - Math.unsignedMultiplyHigh(root, root) - borrow;
    }

    /** Whether the number is more than the square of {@code root} and a half. */
    private static boolean isBelow(long root, long high, long low) {
        long remainderLow = low - root * root;
        return remainderHigh(root, high, low) > 0 || Long.compareUnsigned(remainderLow, root) > 0;
    }

    // ---- rounding

    /**
     * Rounds the result to a format.
     *
     * @param precision of the format, in bits of significand, 1 to 64
     * @param least exponent of its smallest normal number
     * @param most exponent of its largest
     * @param masked exceptions that are masked; a masked underflow denormalizes and is one only if
     *     inexact
     */
    public void round(int precision, int least, int most, int mode, int masked) {
        if (result.kind != Kind.FINITE) return;
        long significand = result.significand;
        long rest = result.rest;
        int exponent = result.exponent;
        boolean inexact = roundAt(precision, mode);
        if (result.exponent < least) {
            if ((masked & UNDERFLOW) == 0) {
                raised |= UNDERFLOW;
            } else {
                result.significand = significand;
                result.rest = rest;
                result.exponent = exponent;
                inexact = roundAt(precision - (least - exponent), mode);
                if (inexact) raised |= UNDERFLOW;
            }
        } else if (result.exponent > most) {
            raised |= OVERFLOW;
            if ((masked & OVERFLOW) != 0) {
                overflow(precision, most, mode);
                inexact = true;
            }
        }
        if (inexact) raised |= PRECISION;
    }

    private void overflow(int precision, int most, int mode) {
        roundedUp = Rounding.overflowsToInfinity(mode, result.negative);
        if (roundedUp) {
            result.infinity(result.negative);
        } else {
            result.exponent = most;
            result.significand = -1L << (64 - precision);
            result.rest = 0;
        }
    }

    /** Makes the result an infinity that stands for a number too large. */
    public void replaceByInfinity() {
        result.infinity(result.negative);
        roundedUp = true;
        raised |= PRECISION;
    }

    /** Makes the result a zero that stands for a number too small. */
    public void replaceByZero() {
        result.zero(result.negative);
        roundedUp = false;
        raised |= PRECISION;
    }

    /**
     * Rounds to some bits of the significand, none or fewer included; returns whether anything was
     * lost.
     */
    private boolean roundAt(int bits, int mode) {
        boolean odd;
        boolean half;
        boolean more;
        long kept;
        if (bits >= 64) {
            odd = (result.significand & 1) != 0;
            half = result.rest < 0;
            more = result.rest << 1 != 0;
            kept = result.significand;
        } else if (bits > 0) {
            long lost = result.significand << bits;
            odd = ((result.significand >>> (64 - bits)) & 1) != 0;
            half = lost < 0;
            more = ((lost << 1) | result.rest) != 0;
            kept = result.significand & (-1L << (64 - bits));
        } else {
            odd = false;
            half = bits == 0;
            more = bits < 0 || ((result.significand << 1) | result.rest) != 0;
            kept = 0;
        }
        result.rest = 0;
        roundedUp = Rounding.up(mode, result.negative, odd, half, more);
        if (roundedUp) roundUp(kept, bits);
        else if (kept == 0) result.zero(result.negative);
        else result.significand = kept;
        return half || more;
    }

    private void roundUp(long kept, int bits) {
        long increment = bits > 0 ? 1L << (64 - bits) : 0;
        if (bits <= 0) {
            result.exponent += 1 - bits; // to the one bit above
            result.significand = Long.MIN_VALUE;
            return;
        }
        result.significand = kept + increment;
        if (Long.compareUnsigned(result.significand, kept) < 0) {
            result.significand = Long.MIN_VALUE;
            result.exponent++;
        }
    }

    /** Rounds to an integer; returns whether that changed it. Exceptions are the caller's. */
    public boolean roundToInteger(int mode) {
        if (result.kind != Kind.FINITE || result.exponent >= 63) return false;
        return roundAt(result.exponent + 1, mode);
    }
}
