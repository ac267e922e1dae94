package dev.microvm.engine.fpu;

import static dev.microvm.engine.softfloat.FloatExceptions.DENORMAL;
import static dev.microvm.engine.softfloat.FloatExceptions.INVALID;
import static dev.microvm.engine.softfloat.FloatExceptions.OVERFLOW;
import static dev.microvm.engine.softfloat.FloatExceptions.PRECISION;
import static dev.microvm.engine.softfloat.FloatExceptions.UNDERFLOW;

import dev.microvm.engine.softfloat.Rounding;
import dev.microvm.engine.softfloat.Unpacked;
import dev.microvm.engine.softfloat.Unpacked.Kind;

/**
 * Loads, stores, constants and exchanges of the x87: Intel SDM vol. 1, 8.3.3 and 8.3.4. Each method
 * is one instruction on a given {@link X87}.
 *
 * <p>A store is three steps, so that a fault of memory changes nothing: {@code prepare...} converts
 * ST(0) and says whether there is something to write, {@link #low} and {@link #high} are what, and
 * {@link #finishStore} sets flags and pops.
 */
public final class X87Transfers {
    private static final int FLOAT_LEAST = -126;
    private static final int FLOAT_MOST = 127;
    private static final int DOUBLE_LEAST = -1022;
    private static final int DOUBLE_MOST = 1023;

    // Packed BCD: SDM vol. 1, 4.7.
    private static final int BCD_DIGITS = 18;
    private static final long BCD_LIMIT = 1_000_000_000_000_000_000L;
    private static final int BCD_INDEFINITE_HIGH = 0xffff;
    private static final long BCD_INDEFINITE_LOW = 0xc000_0000_0000_0000L;

    private X87Transfers() {}

    // ---- loads

    /** FLD of 80 bits, which may be of any kind. */
    public static void fldExtended(X87 f, int signExponent, long significand) {
        if (f.canPush()) f.push(signExponent, significand);
    }

    /** FLD of a float. */
    public static void fldFloat(X87 f, int bits) {
        if (!f.canPush()) return;
        f.soft.clear();
        widenFloat(f, bits);
        quieted(f);
    }

    /** FLD of a double. */
    public static void fldDouble(X87 f, long bits) {
        if (!f.canPush()) return;
        f.soft.clear();
        widenDouble(f, bits);
        quieted(f);
    }

    private static void quieted(X87 f) {
        if (Extended.isSignaling(f.resultSignExponent, f.resultSignificand)) {
            f.soft.raise(INVALID);
            f.resultSignificand |= Extended.QUIET;
        }
        boolean invalid = (f.soft.raised() & ~f.masked() & INVALID) != 0;
        f.before();
        if (!invalid) f.push(f.resultSignExponent, f.resultSignificand); // also of a denormal that is not masked
    }

    /** FILD of 16, 32 or 64 bits, sign-extended. */
    public static void fild(X87 f, long value) {
        if (!f.canPush()) return;
        widenInteger(f, value);
        f.push(f.resultSignExponent, f.resultSignificand);
    }

    /** FBLD of 80 bits; digits beyond 9 count as what they are. */
    public static void fbld(X87 f, long low, int high) {
        if (!f.canPush()) return;
        long value = 10L * ((high >> 4) & 0xf) + (high & 0xf);
        for (int shift = 60; shift >= 0; shift -= 4) value = 10 * value + ((low >>> shift) & 0xf);
        widenInteger(f, value);
        f.push(f.resultSignExponent | (high & Extended.SIGN), f.resultSignificand);
    }

    /** FLD of ST(i). */
    public static void fld(X87 f, int i) {
        boolean empty = f.isEmpty(i);
        int signExponent = f.signExponent(i);
        long significand = f.significand(i);
        if (!empty) {
            fldExtended(f, signExponent, significand);
        } else if (f.stackUnderflow()) {
            f.push(Extended.INDEFINITE_SIGN_EXPONENT, Extended.INDEFINITE_SIGNIFICAND);
        }
    }

    /**
     * A float, exactly, as the result; a signaling NaN stays one. Clears no exceptions, raises that
     * of a denormal.
     */
    static void widenFloat(X87 f, int bits) {
        f.a.ofFloat(bits);
        if (f.a.kind() == Kind.NAN) widenNan(f, bits < 0, (long) bits << 40);
        else widened(f);
    }

    /** A double, exactly, as the result, likewise. */
    static void widenDouble(X87 f, long bits) {
        f.a.ofDouble(bits);
        if (f.a.kind() == Kind.NAN) widenNan(f, bits < 0, bits << 11);
        else widened(f);
    }

    private static void widenNan(X87 f, boolean negative, long fraction) {
        f.result((negative ? Extended.SIGN : 0) | Extended.EXPONENT, fraction | Extended.INTEGER);
    }

    /** An integer, exactly, as the result. */
    static void widenInteger(X87 f, long value) {
        f.a.ofLong(value);
        widened(f);
    }

    private static void widened(X87 f) {
        if (f.a.isDenormal()) f.soft.raise(DENORMAL);
        f.result(f.a.toExtendedSignExponent(), f.a.toExtendedSignificand());
    }

    // ---- stores

    /** Low 64 bits, or fewer, of what {@code prepare...} has for memory. */
    public static long low(X87 f) {
        return f.resultSignificand;
    }

    /** Bits 64 to 79 of it. */
    public static int high(X87 f) {
        return f.resultSignExponent;
    }

    /** FST and FSTP of a float: whether there is something to write. */
    public static boolean prepareFloat(X87 f) {
        if (!prepared(f)) return canWrite(f, 0xffc0_0000L);
        if (!number(f)) return canWrite(f, nanAs(f, 0xffL << 23, 40));
        f.soft.round(Unpacked.FLOAT_PRECISION, FLOAT_LEAST, FLOAT_MOST, f.rounding(), f.masked());
        return canWrite(f, Integer.toUnsignedLong(f.soft.result.toFloat()));
    }

    /** FST and FSTP of a double. */
    public static boolean prepareDouble(X87 f) {
        if (!prepared(f)) return canWrite(f, 0xfff8_0000_0000_0000L);
        if (!number(f)) return canWrite(f, nanAs(f, 0x7ffL << 52, 11));
        f.soft.round(Unpacked.DOUBLE_PRECISION, DOUBLE_LEAST, DOUBLE_MOST, f.rounding(), f.masked());
        return canWrite(f, f.soft.result.toDouble());
    }

    /** FSTP of 80 bits, which stores what is there. */
    public static boolean prepareExtended(X87 f) {
        if (!prepared(f)) return canWrite(f, Extended.INDEFINITE_SIGNIFICAND, Extended.INDEFINITE_SIGN_EXPONENT);
        return canWrite(f, f.significand(0), f.signExponent(0));
    }

    /**
     * FIST, FISTP and FISTTP.
     *
     * @param bits of the integer: 16, 32 or 64
     * @param truncate as FISTTP
     */
    public static boolean prepareInteger(X87 f, int bits, boolean truncate) {
        long indefinite = Long.MIN_VALUE >> (64 - bits);
        if (!prepared(f)) return canWrite(f, indefinite);
        if (!integral(f, truncate ? Rounding.TRUNCATE : f.rounding(), -indefinite - 1)) {
            f.soft.clear();
            f.soft.raise(INVALID);
            return canWrite(f, indefinite);
        }
        return canWrite(f, integer(f.soft.result));
    }

    /** FBSTP. */
    public static boolean prepareBcd(X87 f) {
        if (!prepared(f)) return canWrite(f, BCD_INDEFINITE_LOW, BCD_INDEFINITE_HIGH);
        if (!integral(f, f.rounding(), BCD_LIMIT - 1) || Math.abs(integer(f.soft.result)) >= BCD_LIMIT) {
            f.soft.clear();
            f.soft.raise(INVALID);
            return canWrite(f, BCD_INDEFINITE_LOW, BCD_INDEFINITE_HIGH);
        }
        long left = Math.abs(integer(f.soft.result));
        long low = 0;
        int high = f.soft.result.negative() ? Extended.SIGN : 0;
        for (int i = 0; i < BCD_DIGITS; i++, left /= 10) {
            if (i < 16) low |= (left % 10) << (4 * i);
            else high |= (int) (left % 10) << (4 * (i - 16));
        }
        return canWrite(f, low, high);
    }

    /**
     * Ends a store, after memory was written if {@code prepare...} said so.
     *
     * @param written what it said
     * @param pop whether the instruction pops, which it does only if it stored
     */
    public static void finishStore(X87 f, boolean written, boolean pop) {
        f.conditions(X87.C1, 0);
        if ((f.soft.raised() & X87.STACK_FAULT) != 0) {
            f.signal(INVALID | X87.STACK_FAULT);
        } else {
            int hidden = (f.soft.raised() & INVALID) != 0 ? DENORMAL : 0;
            if (!written) hidden |= PRECISION; // nothing was rounded
            int raised = f.soft.raised() & ~hidden;
            if ((raised & PRECISION) != 0 && f.soft.roundedUp()) f.conditions(X87.C1, X87.C1);
            f.signal(raised);
        }
        if (written && pop) f.pop();
    }

    /** Starts a store; false if ST(0) is empty. */
    private static boolean prepared(X87 f) {
        f.soft.clear();
        if (f.isEmpty(0)) f.soft.raise(INVALID | X87.STACK_FAULT);
        return !f.isEmpty(0);
    }

    private static boolean canWrite(X87 f, long low) {
        return canWrite(f, low, 0);
    }

    private static boolean canWrite(X87 f, long low, int high) {
        f.result(high, low);
        return (f.soft.raised() & ~f.masked() & (INVALID | OVERFLOW | UNDERFLOW)) == 0;
    }

    /** Takes ST(0) as the number to round; false if it is none. */
    private static boolean number(X87 f) {
        int signExponent = f.signExponent(0);
        long significand = f.significand(0);
        if (Extended.isUnsupported(signExponent, significand) || Extended.isNan(signExponent, significand))
            return false;
        f.soft.result.ofExtended(signExponent, significand);
        return true;
    }

    /** A NaN in a narrower format: its highest bits, quiet. */
    private static long nanAs(X87 f, long exponent, int dropped) {
        int signExponent = f.signExponent(0);
        long significand = f.significand(0);
        long sign = exponent + Long.lowestOneBit(exponent); // the bit above
        if (Extended.isUnsupported(signExponent, significand)) {
            f.soft.raise(INVALID);
            return sign | exponent | (Extended.QUIET >>> dropped);
        }
        if (Extended.isSignaling(signExponent, significand)) f.soft.raise(INVALID);
        long fraction = ((significand | Extended.QUIET) & ~Extended.INTEGER) >>> dropped;
        return ((signExponent & Extended.SIGN) != 0 ? sign : 0) | exponent | fraction;
    }

    /**
     * Rounds ST(0) to an integer; false if it is none of up to {@code most}, or one less if
     * negative.
     */
    private static boolean integral(X87 f, int mode, long most) {
        if (!number(f)) return false;
        Unpacked number = f.soft.result;
        if (number.kind() == Kind.INFINITE || (number.kind() == Kind.FINITE && number.exponent() > 63)) return false;
        if (f.soft.roundToInteger(mode)) f.soft.raise(PRECISION);
        if (number.kind() == Kind.ZERO) return true;
        if (number.exponent() > 63) return false;
        long magnitude = number.significand() >>> (63 - number.exponent());
        long limit = number.negative() ? most + 1 : most; // 2^63 as an unsigned number
        return Long.compareUnsigned(magnitude, limit) <= 0;
    }

    private static long integer(Unpacked number) {
        if (number.kind() == Kind.ZERO) return 0;
        long magnitude = number.significand() >>> (63 - number.exponent());
        return number.negative() ? -magnitude : magnitude;
    }

    // ---- between registers

    /** FST and FSTP to ST(i). */
    public static void fst(X87 f, int i, boolean pop) {
        if (f.isEmpty(0)) {
            X87Arithmetic.underflow(f, i, pop);
            return;
        }
        f.conditions(X87.C1, 0);
        f.set(i, f.signExponent(0), f.significand(0));
        if (pop) f.pop();
    }

    /** FXCH; an empty register counts as the indefinite, if that is masked. */
    public static void fxch(X87 f, int i) {
        if (f.isEmpty(0) || f.isEmpty(i)) {
            if (!f.stackUnderflow()) return;
            if (f.isEmpty(0)) f.set(0, Extended.INDEFINITE_SIGN_EXPONENT, Extended.INDEFINITE_SIGNIFICAND);
            if (f.isEmpty(i)) f.set(i, Extended.INDEFINITE_SIGN_EXPONENT, Extended.INDEFINITE_SIGNIFICAND);
        } else {
            f.conditions(X87.C1, 0);
        }
        int signExponent = f.signExponent(0);
        long significand = f.significand(0);
        f.set(0, f.signExponent(i), f.significand(i));
        f.set(i, signExponent, significand);
    }

    /** FCMOVcc, whose condition is the caller's. */
    public static void fcmov(X87 f, int i, boolean condition) {
        if (f.isEmpty(0) || f.isEmpty(i)) X87Arithmetic.underflow(f, 0, false);
        else if (condition) f.set(0, f.signExponent(i), f.significand(i));
    }

    // ---- constants, rounded as rounding control says: table 8-6

    /** A constant of FLDxx, in the order of opcodes D9 E8 to D9 EE. */
    public enum Constant {
        /** FLD1. */
        ONE(0xe8, 0, 0x8000_0000_0000_0000L, 0),
        /** FLDL2T: the logarithm to base 2 of 10. */
        LOG2_10(0xe9, 1, 0xd49a_784b_cd1b_8afeL, 0x492b_f6ff_4daf_db4cL),
        /** FLDL2E: the logarithm to base 2 of e. */
        LOG2_E(0xea, 0, 0xb8aa_3b29_5c17_f0bbL, 0xbe87_fed0_691d_3e88L),
        /** FLDPI. */
        PI(0xeb, 1, 0xc90f_daa2_2168_c234L, 0xc4c6_628b_80dc_1cd1L),
        /** FLDLG2: the decimal logarithm of 2. */
        LOG10_2(0xec, -2, 0x9a20_9a84_fbcf_f798L, 0x8f89_59ac_0b7c_9178L),
        /** FLDLN2: the natural logarithm of 2. */
        LN_2(0xed, -1, 0xb172_17f7_d1cf_79abL, 0xc9e3_b398_03f2_f6afL),
        /** FLDZ. */
        ZERO(0xee, 0, 0, 0);

        private final int opcode;
        private final int exponent;
        private final long high;
        private final long low;

        Constant(int opcode, int exponent, long high, long low) {
            this.opcode = opcode;
            this.exponent = exponent;
            this.high = high;
            this.low = low;
        }

        /** The second byte of its instruction; the first is D9. */
        public int opcode() {
            return opcode;
        }
    }

    /** FLD1 to FLDZ. */
    public static void fldConstant(X87 f, Constant constant) {
        if (!f.canPush()) return;
        f.soft.clear();
        f.soft.result.finite(false, constant.exponent, constant.high, constant.low);
        f.soft.round(
                Unpacked.EXTENDED_PRECISION, Extended.LEAST_EXPONENT, Extended.MOST_EXPONENT, f.rounding(), f.masked());
        f.push(f.soft.result.toExtendedSignExponent(), f.soft.result.toExtendedSignificand());
    }
}
