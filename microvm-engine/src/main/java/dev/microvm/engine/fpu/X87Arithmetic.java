package dev.microvm.engine.fpu;

import static dev.microvm.engine.softfloat.FloatExceptions.DENORMAL;
import static dev.microvm.engine.softfloat.FloatExceptions.DIVIDE_BY_ZERO;
import static dev.microvm.engine.softfloat.FloatExceptions.INVALID;
import static dev.microvm.engine.softfloat.FloatExceptions.PRECISION;

import dev.microvm.engine.softfloat.Rounding;
import dev.microvm.engine.softfloat.Unpacked;
import dev.microvm.engine.softfloat.Unpacked.Kind;
import java.util.List;

/**
 * The basic arithmetic of the x87: Intel SDM vol. 1, 8.3.5. Each method is one instruction on a
 * given {@link X87}.
 */
public final class X87Arithmetic {
    /** An operation on two numbers, by bits 3 to 5 of ModRM in opcodes D8, DA, DC and DE. */
    public enum Operation {
        /** FADD. */
        ADD(0),
        /** FMUL. */
        MULTIPLY(1),
        /** FCOM; not here. */
        COMPARE(2),
        /** FCOMP; not here. */
        COMPARE_POP(3),
        /** FSUB: the destination minus the source. */
        SUBTRACT(4),
        /** FSUBR: the source minus the destination. */
        SUBTRACT_REVERSED(5),
        /** FDIV: the destination by the source. */
        DIVIDE(6),
        /** FDIVR: the source by the destination. */
        DIVIDE_REVERSED(7);

        private static final List<Operation> BY_DIGIT = List.of(values());

        private final int digit;

        Operation(int digit) {
            this.digit = digit;
        }

        /** Bits 3 to 5 of ModRM. */
        public int digit() {
            return digit;
        }

        /** The operation of bits 3 to 5 of ModRM. */
        public static Operation of(int digit) {
            return BY_DIGIT.get(digit);
        }
    }

    // FPREM: the quotient's three lowest bits.
    private static final int QUOTIENT = X87.C0 | X87.C1 | X87.C3;
    private static final int LARGEST_REDUCTION = 63; // by which the exponents may differ for a complete remainder
    private static final int FSCALE_LIMIT = 1 << 17; // more than any exponent needs

    private X87Arithmetic() {}

    // ---- two operands

    /** {@code ST(dst) = ST(dst) op ST(src)}, then pops if asked to. */
    public static void operate(X87 f, Operation op, int dst, int src, boolean pop) {
        if (f.isEmpty(dst) || f.isEmpty(src)) {
            underflow(f, dst, pop);
            return;
        }
        f.soft.clear();
        compute(f, op, f.signExponent(dst), f.significand(dst), f.signExponent(src), f.significand(src));
        store(f, dst, pop);
    }

    /** {@code ST(0) = ST(0) op} a float from memory. */
    public static void operateFloat(X87 f, Operation op, int bits) {
        f.soft.clear();
        X87Transfers.widenFloat(f, bits);
        operateMemory(f, op);
    }

    /** {@code ST(0) = ST(0) op} a double from memory. */
    public static void operateDouble(X87 f, Operation op, long bits) {
        f.soft.clear();
        X87Transfers.widenDouble(f, bits);
        operateMemory(f, op);
    }

    /** {@code ST(0) = ST(0) op} an integer of 16 or 32 bits from memory. */
    public static void operateInteger(X87 f, Operation op, int value) {
        f.soft.clear();
        X87Transfers.widenInteger(f, value);
        operateMemory(f, op);
    }

    private static void operateMemory(X87 f, Operation op) {
        if (f.isEmpty(0)) {
            underflow(f, 0, false);
            return;
        }
        compute(f, op, f.signExponent(0), f.significand(0), f.resultSignExponent, f.resultSignificand);
        store(f, 0, false);
    }

    private static void compute(X87 f, Operation op, int aSe, long aSig, int bSe, long bSig) {
        switch (op) {
            case SUBTRACT_REVERSED, DIVIDE_REVERSED -> prepared(f, op, bSe, bSig, aSe, aSig);
            default -> prepared(f, op, aSe, aSig, bSe, bSig);
        }
    }

    private static void prepared(X87 f, Operation op, int aSe, long aSig, int bSe, long bSig) {
        if (!operands(f, aSe, aSig, bSe, bSig)) return;
        switch (op) {
            case ADD -> f.soft.add(f.a, f.b, f.rounding());
            case MULTIPLY -> f.soft.multiply(f.a, f.b);
            case SUBTRACT, SUBTRACT_REVERSED -> f.soft.subtract(f.a, f.b, f.rounding());
            case DIVIDE, DIVIDE_REVERSED -> f.soft.divide(f.a, f.b);
            default -> throw new IllegalArgumentException("not arithmetic: " + op);
        }
        f.round(f.precision());
    }

    /** Unpacks two operands; false if one is no number, and the result is there. */
    static boolean operands(X87 f, int aSe, long aSig, int bSe, long bSig) {
        if (Extended.isUnsupported(aSe, aSig) || Extended.isUnsupported(bSe, bSig)) {
            f.soft.clear(); // of a denormal in memory: 4.9.2
            f.invalid();
            return false;
        }
        if (Extended.isNan(aSe, aSig) || Extended.isNan(bSe, bSig)) {
            f.soft.clear();
            nan(f, aSe, aSig, bSe, bSig);
            return false;
        }
        f.a.ofExtended(aSe, aSig);
        f.b.ofExtended(bSe, bSig);
        if (f.a.isDenormal() || f.b.isDenormal()) f.soft.raise(DENORMAL);
        return true;
    }

    /** Unpacks one operand; false if it is no number, and the result is there. */
    static boolean operand(X87 f, int se, long sig) {
        if (Extended.isUnsupported(se, sig)) {
            f.invalid();
            return false;
        }
        if (Extended.isNan(se, sig)) {
            if (Extended.isSignaling(se, sig)) f.soft.raise(INVALID);
            f.result(se, sig | Extended.QUIET);
            return false;
        }
        f.a.ofExtended(se, sig);
        if (f.a.isDenormal()) f.soft.raise(DENORMAL);
        return true;
    }

    /** SDM vol. 1, table 4-7, the rules of the x87. */
    private static void nan(X87 f, int aSe, long aSig, int bSe, long bSig) {
        boolean aSignals = Extended.isSignaling(aSe, aSig);
        boolean bSignals = Extended.isSignaling(bSe, bSig);
        if (aSignals || bSignals) f.soft.raise(INVALID);
        boolean first;
        if (!Extended.isNan(bSe, bSig)) first = true;
        else if (!Extended.isNan(aSe, aSig)) first = false;
        else if (aSignals != bSignals) first = bSignals;
        else if (aSig != bSig) first = Long.compareUnsigned(aSig, bSig) > 0;
        else first = (aSe & Extended.SIGN) == 0;
        f.result(first ? aSe : bSe, (first ? aSig : bSig) | Extended.QUIET);
    }

    static void underflow(X87 f, int dst, boolean pop) {
        if (!f.stackUnderflow()) return;
        f.set(dst, Extended.INDEFINITE_SIGN_EXPONENT, Extended.INDEFINITE_SIGNIFICAND);
        if (pop) f.pop();
    }

    static void store(X87 f, int dst, boolean pop) {
        if (!f.before()) return;
        f.set(dst, f.resultSignExponent, f.resultSignificand);
        f.after();
        if (pop) f.pop();
    }

    // ---- one operand, ST(0)

    /** FSQRT. */
    public static void fsqrt(X87 f) {
        if (f.isEmpty(0)) {
            underflow(f, 0, false);
            return;
        }
        f.soft.clear();
        if (operand(f, f.signExponent(0), f.significand(0))) {
            f.soft.sqrt(f.a);
            f.round(f.precision());
        }
        store(f, 0, false);
    }

    /** FABS. */
    public static void fabs(X87 f) {
        sign(f, f.signExponent(0) & ~Extended.SIGN);
    }

    /** FCHS. */
    public static void fchs(X87 f) {
        sign(f, f.signExponent(0) ^ Extended.SIGN);
    }

    private static void sign(X87 f, int signExponent) {
        if (f.isEmpty(0)) {
            underflow(f, 0, false);
            return;
        }
        f.conditions(X87.C1, 0);
        f.set(0, signExponent, f.significand(0));
    }

    /** FRNDINT. */
    public static void frndint(X87 f) {
        if (f.isEmpty(0)) {
            underflow(f, 0, false);
            return;
        }
        f.soft.clear();
        if (operand(f, f.signExponent(0), f.significand(0))) {
            f.soft.result.set(f.a);
            if (f.soft.roundToInteger(f.rounding())) f.soft.raise(PRECISION);
            f.result(f.soft.result.toExtendedSignExponent(), f.soft.result.toExtendedSignificand());
        }
        store(f, 0, false);
    }

    /** FXTRACT: the exponent replaces ST(0), then the significand is pushed. */
    public static void fxtract(X87 f) {
        if (f.isEmpty(0)) {
            if (!f.stackUnderflow()) return;
            f.set(0, Extended.INDEFINITE_SIGN_EXPONENT, Extended.INDEFINITE_SIGNIFICAND);
            f.push(Extended.INDEFINITE_SIGN_EXPONENT, Extended.INDEFINITE_SIGNIFICAND);
            return;
        }
        if (!f.isEmpty(7)) {
            f.conditions(X87.C1, X87.C1);
            if (!f.signal(INVALID | X87.STACK_FAULT)) return;
            f.set(0, Extended.INDEFINITE_SIGN_EXPONENT, Extended.INDEFINITE_SIGNIFICAND);
            f.push(Extended.INDEFINITE_SIGN_EXPONENT, Extended.INDEFINITE_SIGNIFICAND);
            return;
        }
        f.soft.clear();
        int signExponent = f.signExponent(0);
        long significand = f.significand(0);
        if (!operand(f, signExponent, significand)) {
            if (!f.before()) return;
            f.set(0, f.resultSignExponent, f.resultSignificand);
            f.push(f.resultSignExponent, f.resultSignificand);
            return;
        }
        int sign = signExponent & Extended.SIGN;
        switch (f.a.kind()) {
            case ZERO -> {
                f.soft.raise(DIVIDE_BY_ZERO);
                f.result(Extended.SIGN | Extended.EXPONENT, Extended.INTEGER);
            }
            case INFINITE -> f.result(Extended.EXPONENT, Extended.INTEGER);
            default -> {
                significand = f.a.significand();
                signExponent = sign | Extended.BIAS;
                f.b.ofLong(f.a.exponent());
                f.result(f.b.toExtendedSignExponent(), f.b.toExtendedSignificand());
            }
        }
        if (!f.before()) return;
        f.set(0, f.resultSignExponent, f.resultSignificand);
        f.push(signExponent, significand);
    }

    /** FSCALE: {@code ST(0) * 2^ST(1)}, the exponent truncated. */
    public static void fscale(X87 f) {
        if (f.isEmpty(0) || f.isEmpty(1)) {
            underflow(f, 0, false);
            return;
        }
        f.soft.clear();
        if (operands(f, f.signExponent(0), f.significand(0), f.signExponent(1), f.significand(1))) scale(f);
        store(f, 0, false);
    }

    private static void scale(X87 f) {
        Unpacked result = f.soft.result.set(f.a);
        if (f.b.kind() == Kind.INFINITE) {
            boolean opposes = f.b.negative() ? f.a.kind() == Kind.INFINITE : f.a.kind() == Kind.ZERO;
            if (opposes) {
                f.invalid();
                return;
            }
            if (f.b.negative()) result.zero(f.a.negative());
            else result.infinity(f.a.negative());
        } else if (f.a.kind() == Kind.FINITE && f.b.kind() == Kind.FINITE) {
            result.scale(truncated(f.b));
        }
        f.round(Unpacked.EXTENDED_PRECISION);
    }

    private static int truncated(Unpacked number) {
        int magnitude = number.exponent() < 0
                ? 0
                : number.exponent() > 16 ? FSCALE_LIMIT : (int) (number.significand() >>> (63 - number.exponent()));
        return number.negative() ? -magnitude : magnitude;
    }

    // ---- remainders

    /** FPREM: the quotient truncated. */
    public static void fprem(X87 f) {
        remainder(f, Rounding.TRUNCATE);
    }

    /** FPREM1: the quotient to nearest, as IEEE 754 has it. */
    public static void fprem1(X87 f) {
        remainder(f, Rounding.NEAREST);
    }

    private static void remainder(X87 f, int mode) {
        f.conditions(X87.C2, 0);
        if (f.isEmpty(0) || f.isEmpty(1)) {
            underflow(f, 0, false);
            return;
        }
        f.soft.clear();
        boolean numbers = operands(f, f.signExponent(0), f.significand(0), f.signExponent(1), f.significand(1));
        int conditions = numbers ? remainderOfNumbers(f, mode) : 0;
        boolean invalid = (f.soft.raised() & INVALID) != 0;
        if (!f.before()) return;
        f.set(0, f.resultSignExponent, f.resultSignificand);
        f.after();
        if (numbers && !invalid) f.conditions(QUOTIENT | X87.C2, conditions);
    }

    private static int remainderOfNumbers(X87 f, int mode) {
        if (f.a.kind() == Kind.INFINITE || f.b.kind() == Kind.ZERO) {
            f.invalid();
            return 0;
        }
        if (f.a.kind() == Kind.ZERO || f.b.kind() == Kind.INFINITE) {
            f.soft.result.set(f.a);
            f.round(Unpacked.EXTENDED_PRECISION);
            return 0;
        }
        int difference = f.a.exponent() - f.b.exponent();
        if (difference > LARGEST_REDUCTION) {
            int by = (difference & 31) | 32; // 32 to 63 at a time, so that what is left is a multiple of 32
            reduce(f, by, difference - by, Rounding.TRUNCATE);
            return X87.C2;
        }
        long quotient = reduce(f, difference, 0, mode);
        return ((quotient & 4) != 0 ? X87.C0 : 0)
                | ((quotient & 2) != 0 ? X87.C3 : 0)
                | ((quotient & 1) != 0 ? X87.C1 : 0);
    }

    /**
     * The remainder of {@code a} by {@code b * 2^scale}, bit by bit; returns the quotient's low
     * bits.
     */
    private static long reduce(X87 f, int difference, int scale, int mode) {
        long divisor = f.b.significand();
        long rest = f.a.significand();
        long quotient = 0;
        boolean carry = false;
        for (int left = difference; left >= 0; left--) {
            quotient <<= 1;
            if (carry || Long.compareUnsigned(rest, divisor) >= 0) {
                rest -= divisor;
                quotient |= 1;
            }
            if (left == 0) break;
            carry = rest < 0;
            rest <<= 1;
        }
        boolean negative = f.a.negative();
        int exponent = difference < 0 ? f.a.exponent() : f.b.exponent() + scale;
        if (mode == Rounding.NEAREST && difference >= -1 && isMoreThanHalf(rest, divisor, difference, quotient)) {
            long other = difference < 0 ? divisor - (rest - divisor) : divisor - rest;
            f.soft.result.finite(!negative, exponent, other, 0);
            quotient++;
        } else {
            f.soft.result.finite(negative, exponent, rest, 0);
        }
        f.round(Unpacked.EXTENDED_PRECISION);
        return quotient;
    }

    /**
     * Whether the remainder, which of a smaller exponent counts half, is nearer to the divisor than
     * to zero.
     */
    private static boolean isMoreThanHalf(long rest, long divisor, int difference, long quotient) {
        if (difference < 0) return Long.compareUnsigned(rest, divisor) > 0;
        long other = divisor - rest;
        int order = Long.compareUnsigned(rest, other);
        return order > 0 || (order == 0 && (quotient & 1) != 0);
    }
}
