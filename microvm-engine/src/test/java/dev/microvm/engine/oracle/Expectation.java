package dev.microvm.engine.oracle;

import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.decode.Decoder;

/**
 * What of an outcome is defined, so that processors agree.
 *
 * @param flags of RFLAGS
 * @param status of the x87's status word
 * @param area whether the operand is so large that any of its bytes may be the one that faults
 * @param aligned whether it is #GP for want of alignment or #SS for want of room, in whichever order
 * @param compares whether the x87 sets the flags, if no exception that is not masked prevents it
 * @param whole whether nothing is done when it faults; else a part may be
 */
public record Expectation(int flags, int status, boolean area, boolean aligned, boolean compares, boolean whole) {
    private static final int CF = 1 << 0;
    private static final int PF = 1 << 2;
    private static final int AF = 1 << 4;
    private static final int ZF = 1 << 6;
    private static final int SF = 1 << 7;
    private static final int OF = 1 << 11;

    /** The six flags of arithmetic. */
    public static final int ARITHMETIC = CF | PF | AF | ZF | SF | OF;

    private static final int OTHERS = 1 << 9 | 1 << 10 | 3 << 12 | 1 << 14 | 1 << 21; // IF DF IOPL NT ID

    static Expectation of(Decoded d, Decoder.Result result) {
        boolean defined = result != Decoder.Result.COMPLETE;
        int flags = defined ? ARITHMETIC : ARITHMETIC & ~undefinedFlags(d);
        return new Expectation(
                flags | OTHERS,
                0xFFFF & ~(defined ? 0 : undefinedStatus(d)),
                isArea(d),
                d.opcode >= 0x100 && d.mod != 3 && d.segment == Decoded.SS && d.mode != CodeMode.BITS_64,
                d.mod == 3 && (d.opcode == 0xDB || d.opcode == 0xDF),
                defined || isWhole(d));
    }

    /** FLDENV, FRSTOR, FXSAVE, FXRSTOR, XSAVE, XSAVEC, XRSTOR. */
    private static boolean isArea(Decoded d) {
        if (d.opcode == 0xCB || d.opcode == 0xCF) return true; // RETF, IRET
        if (d.mod == 3) return false;
        return d.opcode == 0xD9 || d.opcode == 0xDD || d.opcode == 0x1AE || (d.opcode == 0x1C7 && d.group() == 4);
    }

    /** PUSHA, POPA, ENTER and far calls are not. */
    private static boolean isWhole(Decoded d) {
        return switch (d.opcode) {
            case 0x60, 0x61, 0xC8, 0x9A -> false;
            case 0xFF -> d.group() != 3;
            default -> true;
        };
    }

    /** FCOMI and the like, and FFREE: AMD's C1 is not Intel's. */
    private static int undefinedStatus(Decoded d) {
        final int c1 = 1 << 9;
        if (d.mod != 3) return 0;
        int group = d.group();
        return switch (d.opcode) {
            case 0xDB -> group == 5 || group == 6 ? c1 : 0;
            case 0xDD -> group == 0 ? c1 : 0;
            case 0xDF -> group == 0 || group == 5 || group == 6 ? c1 : 0;
            default -> 0;
        };
    }

    /** Intel SDM vol. 1, appendix A, table A-2, and vol. 2 for what is later. */
    private static int undefinedFlags(Decoded d) {
        if (d.vex) {
            return switch (d.opcode) {
                case 0x2F2, 0x2F3, 0x2F5 -> AF | PF;
                case 0x2F7 -> d.mandatoryPrefix() == 0 ? AF | SF | PF : 0;
                default -> 0;
            };
        }
        int opcode = d.opcode;
        if (opcode < 0x40 && (opcode & 7) < 6) return isLogic(opcode >> 3) ? AF : 0;
        return switch (opcode) {
            case 0x27, 0x2F -> OF;
            case 0x37, 0x3F -> OF | SF | ZF | PF;
            case 0xD4, 0xD5 -> OF | AF | CF;
            case 0x80, 0x81, 0x82, 0x83 -> isLogic(d.group()) ? AF : 0;
            case 0x84, 0x85, 0xA8, 0xA9 -> AF;
            case 0x69, 0x6B, 0x1AF -> SF | ZF | AF | PF;
            case 0xF6, 0xF7 ->
                switch (d.group()) {
                    case 0, 1 -> AF;
                    case 4, 5 -> SF | ZF | AF | PF;
                    case 6, 7 -> ARITHMETIC;
                    default -> 0;
                };
            case 0xC0, 0xC1, 0xD2, 0xD3 -> shift(d, false);
            case 0xD0, 0xD1 -> shift(d, true);
            case 0x1A3, 0x1AB, 0x1B3, 0x1BB, 0x1BA -> OF | SF | AF | PF;
            case 0x1A4, 0x1A5, 0x1AC, 0x1AD -> d.operandSize == 2 ? ARITHMETIC : OF | AF;
            case 0x1BC, 0x1BD -> d.repeat ? OF | SF | AF | PF : ARITHMETIC & ~ZF;
            default -> 0;
        };
    }

    private static boolean isLogic(int operation) {
        return operation == 1 || operation == 4 || operation == 6;
    }

    private static int shift(Decoded d, boolean byOne) {
        if (d.group() < 4) return byOne ? 0 : OF;
        if (byOne) return AF;
        boolean narrow = (d.opcode & 1) == 0 || d.operandSize == 2;
        return narrow ? OF | AF | CF : OF | AF;
    }
}
