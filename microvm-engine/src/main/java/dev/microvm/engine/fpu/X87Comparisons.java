package dev.microvm.engine.fpu;

import static dev.microvm.engine.softfloat.FloatExceptions.DENORMAL;
import static dev.microvm.engine.softfloat.FloatExceptions.INVALID;

import dev.microvm.engine.softfloat.Unpacked;
import dev.microvm.engine.softfloat.Unpacked.Kind;

/**
 * The comparisons of the x87: Intel SDM vol. 1, 8.3.6. Each method is one instruction on a given
 * {@link X87}.
 */
public final class X87Comparisons {
    /** ZF, PF and CF of FCOMI, where EFLAGS has them, when the numbers are unordered. */
    public static final int UNORDERED_FLAGS = 0x45;

    /** What {@link #fcomi} returns if an exception is not masked: flags do not change. */
    public static final int NO_FLAGS = -1;

    private static final int ALL = X87.C0 | X87.C2 | X87.C3;
    private static final int ZF = 1 << 6;
    private static final int PF = 1 << 2;
    private static final int CF = 1 << 0;

    private X87Comparisons() {}

    /**
     * FCOM, FCOMP, FCOMPP, FUCOM, FUCOMP, FUCOMPP: ST(0) with ST(src).
     *
     * @param quiet as FUCOM: only a signaling NaN is invalid
     * @param pops how many times to pop
     */
    public static void fcom(X87 f, int src, boolean quiet, int pops) {
        if (f.isEmpty(0) || f.isEmpty(src)) {
            underflow(f, pops);
            return;
        }
        f.soft.clear();
        int flags = compare(f, f.signExponent(src), f.significand(src), quiet);
        finish(f, flags, pops);
    }

    /** FCOM or FCOMP with a float from memory. */
    public static void fcomFloat(X87 f, int bits, int pops) {
        f.soft.clear();
        X87Transfers.widenFloat(f, bits);
        fcomMemory(f, pops);
    }

    /** FCOM or FCOMP with a double from memory. */
    public static void fcomDouble(X87 f, long bits, int pops) {
        f.soft.clear();
        X87Transfers.widenDouble(f, bits);
        fcomMemory(f, pops);
    }

    /** FICOM or FICOMP with an integer of 16 or 32 bits from memory. */
    public static void ficom(X87 f, int value, int pops) {
        f.soft.clear();
        X87Transfers.widenInteger(f, value);
        fcomMemory(f, pops);
    }

    private static void fcomMemory(X87 f, int pops) {
        if (f.isEmpty(0)) underflow(f, pops);
        else finish(f, compare(f, f.resultSignExponent, f.resultSignificand, false), pops);
    }

    /** FTST: ST(0) with zero. */
    public static void ftst(X87 f) {
        if (f.isEmpty(0)) {
            underflow(f, 0);
            return;
        }
        f.soft.clear();
        finish(f, compare(f, 0, 0, false), 0);
    }

    /**
     * FCOMI, FCOMIP, FUCOMI, FUCOMIP: returns ZF, PF and CF as EFLAGS has them, or {@link
     * #NO_FLAGS}.
     */
    public static int fcomi(X87 f, int src, boolean quiet, boolean pop) {
        int flags = UNORDERED_FLAGS;
        if (f.isEmpty(0) || f.isEmpty(src)) {
            if (!f.stackUnderflow()) return NO_FLAGS;
        } else {
            f.soft.clear();
            flags = compare(f, f.signExponent(src), f.significand(src), quiet);
            if (!f.before()) return NO_FLAGS;
        }
        if (pop) f.pop();
        return flags;
    }

    private static void underflow(X87 f, int pops) {
        boolean masked = f.stackUnderflow();
        f.conditions(ALL, ALL);
        if (masked) pop(f, pops);
    }

    /** Sets the codes, also when an exception is not masked, and pops unless one is. */
    private static void finish(X87 f, int flags, int pops) {
        boolean goesOn = f.before();
        int codes =
                ((flags & CF) != 0 ? X87.C0 : 0) | ((flags & PF) != 0 ? X87.C2 : 0) | ((flags & ZF) != 0 ? X87.C3 : 0);
        f.conditions(ALL, codes);
        if (goesOn) pop(f, pops);
    }

    private static void pop(X87 f, int pops) {
        for (int i = 0; i < pops; i++) f.pop();
    }

    private static int compare(X87 f, int bSe, long bSig, boolean quiet) {
        int aSe = f.signExponent(0);
        long aSig = f.significand(0);
        if (Extended.isUnsupported(aSe, aSig) || Extended.isUnsupported(bSe, bSig)) {
            f.soft.clear(); // of a denormal in memory: 4.9.2
            f.soft.raise(INVALID);
            return UNORDERED_FLAGS;
        }
        if (Extended.isNan(aSe, aSig) || Extended.isNan(bSe, bSig)) {
            boolean signals = Extended.isSignaling(aSe, aSig) || Extended.isSignaling(bSe, bSig);
            f.soft.clear();
            if (!quiet || signals) f.soft.raise(INVALID);
            return UNORDERED_FLAGS;
        }
        f.a.ofExtended(aSe, aSig);
        f.b.ofExtended(bSe, bSig);
        if (f.a.isDenormal() || f.b.isDenormal()) f.soft.raise(DENORMAL);
        int order = compare(f.a, f.b);
        return order < 0 ? CF : order == 0 ? ZF : 0;
    }

    private static int compare(Unpacked a, Unpacked b) {
        if (a.kind() == Kind.ZERO && b.kind() == Kind.ZERO) return 0;
        if (a.kind() == Kind.ZERO) return b.negative() ? 1 : -1;
        if (b.kind() == Kind.ZERO || a.negative() != b.negative()) return a.negative() ? -1 : 1;
        int magnitudes = compareMagnitudes(a, b);
        return a.negative() ? -magnitudes : magnitudes;
    }

    private static int compareMagnitudes(Unpacked a, Unpacked b) {
        if (a.kind() != b.kind()) return a.kind() == Kind.INFINITE ? 1 : -1;
        if (a.exponent() != b.exponent()) return Integer.compare(a.exponent(), b.exponent());
        return Long.compareUnsigned(a.significand(), b.significand());
    }

    /**
     * FXAM: table 8-9 of SDM vol. 1, "FXAM": the class of ST(0), and its sign, in the condition
     * codes.
     */
    public static void fxam(X87 f) {
        int se = f.signExponent(0);
        long sig = f.significand(0);
        int kind;
        if (f.isEmpty(0)) kind = X87.C3 | X87.C0;
        else if (Extended.isUnsupported(se, sig)) kind = 0;
        else if (Extended.isNan(se, sig)) kind = X87.C0;
        else if (Extended.isInfinite(se, sig)) kind = X87.C2 | X87.C0;
        else if (Extended.isZero(se, sig)) kind = X87.C3;
        else if (Extended.isDenormal(se, sig)) kind = X87.C3 | X87.C2;
        else kind = X87.C2;
        f.conditions(ALL | X87.C1, kind | ((se & Extended.SIGN) != 0 ? X87.C1 : 0));
    }
}
