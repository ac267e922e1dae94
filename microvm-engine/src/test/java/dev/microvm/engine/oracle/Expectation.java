package dev.microvm.engine.oracle;

import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.decode.Decoder;
import java.util.EnumSet;
import java.util.Set;

/**
 * What of an outcome is defined, so that processors agree.
 *
 * @param at offset of the instruction in the case's code
 * @param target the register that its ModR/M byte names as such
 * @param flags of RFLAGS
 * @param status of the x87's status word
 * @param latitudes what else is left to the processor
 */
public record Expectation(int at, int target, int flags, int status, Set<Latitude> latitudes) {
    private static final int CF = 1 << 0;
    private static final int PF = 1 << 2;
    private static final int AF = 1 << 4;
    private static final int ZF = 1 << 6;
    private static final int SF = 1 << 7;
    private static final int OF = 1 << 11;

    /** The six flags of arithmetic. */
    public static final int ARITHMETIC = CF | PF | AF | ZF | SF | OF;

    private static final int OTHERS = 1 << 9 | 1 << 10 | 3 << 12 | 1 << 14 | 1 << 21; // IF DF IOPL NT ID

    // The x87's condition codes: Intel SDM vol. 1, figure 8-4
    private static final int C1 = 1 << 9;
    private static final int ALL_BUT_C1 = 1 << 8 | 1 << 10 | 1 << 14;
    private static final int ALL_CODES = ALL_BUT_C1 | C1;

    private static final int FPREM = 0xF8;
    private static final int FPREM1 = 0xF5;
    private static final int FTST = 0xE4;
    private static final int FXAM = 0xE5;
    private static final int FNOP = 0xD0;

    static Expectation of(Decoded d, Decoder.Result result, int at) {
        if (result != Decoder.Result.COMPLETE) {
            return new Expectation(at, 0, ARITHMETIC | OTHERS, 0xFFFF, Set.of());
        }
        int flags = (ARITHMETIC & ~undefinedFlags(d)) | OTHERS;
        return new Expectation(at, d.reg, flags, 0xFFFF & ~undefinedStatus(d), latitudes(d));
    }

    boolean allows(Latitude latitude) {
        return latitudes.contains(latitude);
    }

    private static Set<Latitude> latitudes(Decoded d) {
        EnumSet<Latitude> all = EnumSet.noneOf(Latitude.class);
        boolean comparesToFlags = d.mod == 3 && (d.opcode == 0xDB || d.opcode == 0xDF);
        if (comparesToFlags) all.add(Latitude.FLAGS_OF_X87_EXCEPTION);
        if (PossibleFaults.mayStoreInParts(d)) all.add(Latitude.MEMORY_AT_FAULT);
        switch (d.opcode) {
            case 0x60, 0x61, 0xC8 -> all.add(Latitude.REGISTERS_AT_FAULT);
            case 0x9A -> addFarCall(d, all);
            case 0xFF -> {
                if (d.group() == 3) addFarCall(d, all);
            }
            case 0xD9 -> {
                if (d.mod == 3 && (second(d) == FPREM || second(d) == FPREM1)) all.add(Latitude.PARTIAL_REMAINDER);
                if (d.mod != 3 && d.group() == 4) all.add(Latitude.FLOATING_POINT_AT_FAULT); // FLDENV
            }
            case 0xDD -> {
                if (d.mod != 3 && d.group() == 4) all.add(Latitude.FLOATING_POINT_AT_FAULT); // FRSTOR
            }
            case 0x102 -> all.add(Latitude.LIMIT_IN_ACCESS_RIGHTS);
            case 0x1AE -> {
                boolean loads = d.group() == 1 || d.group() == 5; // FXRSTOR, XRSTOR
                if (d.mod != 3 && loads) all.add(Latitude.FLOATING_POINT_AT_FAULT);
            }
            case 0x1BC, 0x1BD -> {
                if (!d.repeat) all.add(Latitude.TARGET_IF_ZERO);
            }
            case 0x290, 0x291, 0x292, 0x293 ->
                all.add(Latitude.FLOATING_POINT_AT_FAULT); // elements before it are loaded
            case 0x340 -> {
                all.add(Latitude.CHOICE_OF_FLOAT_NAN);
                if (d.vexL) all.add(Latitude.FLAGS_OF_WIDE_DOT_PRODUCT);
            }
            case 0x341 -> all.add(Latitude.CHOICE_OF_DOUBLE_NAN);
            default -> {}
        }
        return all;
    }

    private static void addFarCall(Decoded d, Set<Latitude> all) {
        all.add(Latitude.REGISTERS_AT_FAULT);
        if (d.operandSize > 2) all.add(Latitude.PADDING_OF_SELECTOR);
    }

    /** The second byte of an instruction of the x87 on registers. */
    private static int second(Decoded d) {
        return 0xC0 | (d.group() << 3) | (d.rm & 7);
    }

    /**
     * Condition codes that the Intel SDM, vol. 2A, calls undefined, and those in which AMD's are
     * not Intel's.
     */
    private static int undefinedStatus(Decoded d) {
        if (d.opcode == 0x9B) return ALL_CODES; // FWAIT
        if (d.opcode < 0xD8 || d.opcode > 0xDF) return 0;
        return d.mod == 3 ? undefinedOfRegisters(d) : undefinedOfMemory(d);
    }

    private static int undefinedOfMemory(Decoded d) {
        int group = d.group();
        boolean compares = (d.opcode & 1) == 0 && (group == 2 || group == 3); // FCOM, FICOM
        return switch (d.opcode) {
            case 0xD9 -> group == 4 ? 0 : group == 5 || group == 7 ? ALL_CODES : ALL_BUT_C1; // FLDENV, FLDCW, FNSTCW
            case 0xDD -> group == 4 ? 0 : group == 7 ? ALL_CODES : ALL_BUT_C1; // FRSTOR, FNSTSW
            default -> compares ? 0 : ALL_BUT_C1;
        };
    }

    private static int undefinedOfRegisters(Decoded d) {
        int group = d.group();
        return switch (d.opcode) {
            case 0xD8 -> group == 2 || group == 3 ? 0 : ALL_BUT_C1; // FCOM
            case 0xD9 ->
                switch (second(d)) {
                    case FTST, FXAM, FPREM, FPREM1 -> 0;
                    case FNOP -> ALL_CODES;
                    default -> ALL_BUT_C1;
                };
            case 0xDA -> group == 5 ? 0 : ALL_BUT_C1; // FUCOMPP
            case 0xDB -> // FNCLEX, FNINIT; FUCOMI, FCOMI
                group == 4 ? (second(d) == 0xE3 ? 0 : ALL_CODES) : group == 5 || group == 6 ? C1 : ALL_BUT_C1;
            case 0xDD -> group == 0 ? ALL_CODES : group == 4 || group == 5 ? 0 : ALL_BUT_C1; // FFREE; FUCOM
            case 0xDE -> group == 3 ? 0 : ALL_BUT_C1; // FCOMPP
            case 0xDF -> group == 4 ? ALL_CODES : group == 5 || group == 6 ? C1 : ALL_BUT_C1; // FNSTSW; FUCOMIP
            default -> ALL_BUT_C1;
        };
    }

    /**
     * Intel SDM vol. 1, appendix A, table A-2, vol. 2 for what is later, and AMD APM vol. 3 where
     * it defines less.
     */
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
            case 0x1A3, 0x1AB, 0x1B3, 0x1BB, 0x1BA -> ARITHMETIC & ~CF; // ZF is kept by Intel's alone
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
