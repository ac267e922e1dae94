package dev.microvm.engine.exec.x87;

import dev.microvm.engine.fpu.X87;
import dev.microvm.engine.fpu.X87Arithmetic;
import dev.microvm.engine.fpu.X87Arithmetic.Operation;
import dev.microvm.engine.fpu.X87Comparisons;

/**
 * The eight operations that a digit of the opcode chooses, with an operand in memory: FADD to
 * FDIVR, FCOM and FCOMP.
 */
public final class FpuArithmetic {
    private FpuArithmetic() {}

    /** Whether a digit is FCOM or FCOMP. */
    public static boolean isComparison(int digit) {
        return digit == Operation.COMPARE.digit() || digit == Operation.COMPARE_POP.digit();
    }

    /** How many numbers a comparison pops. */
    public static int pops(int digit) {
        return digit - Operation.COMPARE.digit();
    }

    /** With a float. */
    public static void withFloat(X87 f, int digit, int bits) {
        if (isComparison(digit)) {
            X87Comparisons.fcomFloat(f, bits, pops(digit));
        } else {
            X87Arithmetic.operateFloat(f, Operation.of(digit), bits);
        }
    }

    /** With a double. */
    public static void withDouble(X87 f, int digit, long bits) {
        if (isComparison(digit)) {
            X87Comparisons.fcomDouble(f, bits, pops(digit));
        } else {
            X87Arithmetic.operateDouble(f, Operation.of(digit), bits);
        }
    }

    /** With an integer. */
    public static void withInteger(X87 f, int digit, int value) {
        if (isComparison(digit)) {
            X87Comparisons.ficom(f, value, pops(digit));
        } else {
            X87Arithmetic.operateInteger(f, Operation.of(digit), value);
        }
    }
}
