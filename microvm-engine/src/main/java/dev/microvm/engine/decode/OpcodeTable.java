package dev.microvm.engine.decode;

/**
 * What follows each opcode: a ModR/M byte, an immediate, both or nothing.
 *
 * <p>Source: Intel SDM vol. 2D, appendix A, tables; one letter for each opcode, sixteen
 * to a row.
 */
final class OpcodeTable {
    /** No operand bytes. */
    static final char PLAIN = '.';

    /** ModR/M. */
    static final char MODRM = 'm';

    /** ModR/M, then an 8-bit immediate. */
    static final char MODRM_IMM8 = 'b';

    /** ModR/M, then an immediate of the operand's size, 32 bits at most. */
    static final char MODRM_IMM = 'z';

    /** Group 3: ModR/M, then an 8-bit immediate if it is a TEST. */
    static final char GROUP3_BYTE = 'f';

    /** Group 3: ModR/M, then an immediate of the operand's size if it is a TEST. */
    static final char GROUP3 = 'F';

    /** An 8-bit immediate. */
    static final char IMM8 = 'B';

    /** An immediate of the operand's size, 32 bits at most. */
    static final char IMM = 'Z';

    /** An immediate of the operand's size. */
    static final char IMM_FULL = 'V';

    /** A 16-bit immediate. */
    static final char IMM16 = 'W';

    /** A 16-bit, then an 8-bit immediate: ENTER. */
    static final char IMM16_IMM8 = 'E';

    /** An offset of the operand's size, then a selector. */
    static final char FAR_POINTER = 'A';

    /** An address without ModR/M. */
    static final char ADDRESS = 'O';

    /** An 8-bit displacement of a branch. */
    static final char REL8 = 'J';

    /** A displacement of a branch, of the operand's size. */
    static final char REL = 'K';

    /** A prefix or an escape: the decoder knows it. */
    static final char PREFIX = 'P';

    /** Undefined. */
    static final char UNDEFINED = '!';

    private static final String ONE_BYTE = /* 00 */ "mmmmBZ..mmmmBZ.P"
            /* 10 */ + "mmmmBZ..mmmmBZ.."
            /* 20 */ + "mmmmBZP.mmmmBZP."
            /* 30 */ + "mmmmBZP.mmmmBZP."
            /* 40 */ + "................"
            /* 50 */ + "................"
            /* 60 */ + "..mmPPPPZzBb...."
            /* 70 */ + "JJJJJJJJJJJJJJJJ"
            /* 80 */ + "bzbbmmmmmmmmmmmm"
            /* 90 */ + "..........A....."
            /* a0 */ + "OOOO....BZ......"
            /* b0 */ + "BBBBBBBBVVVVVVVV"
            /* c0 */ + "bbW.mmbzE.W..B.."
            /* d0 */ + "mmmmBB..mmmmmmmm"
            /* e0 */ + "JJJJBBBBKKAJ...."
            /* f0 */ + "P.PP..fF......mm";

    private static final String AFTER_0F = /* 00 */ "mmmm!.....!.!m.b"
            /* 10 */ + "mmmmmmmmmmmmmmmm"
            /* 20 */ + "mmmm!!!!mmmmmmmm"
            /* 30 */ + "......!!P!P!!!!!"
            /* 40 */ + "mmmmmmmmmmmmmmmm"
            /* 50 */ + "mmmmmmmmmmmmmmmm"
            /* 60 */ + "mmmmmmmmmmmmmmmm"
            /* 70 */ + "bbbbmmm.!!!!mmmm"
            /* 80 */ + "KKKKKKKKKKKKKKKK"
            /* 90 */ + "mmmmmmmmmmmmmmmm"
            /* a0 */ + "...mbm!!...mbmmm"
            /* b0 */ + "mmmmmmmmmmbmmmmm"
            /* c0 */ + "mmbmbbbm........"
            /* d0 */ + "mmmmmmmmmmmmmmmm"
            /* e0 */ + "mmmmmmmmmmmmmmmm"
            /* f0 */ + "mmmmmmmmmmmmmmmm";

    /** Opcodes that 64-bit mode took away: Intel SDM vol. 2D, table A-2, superscript i64. */
    private static final boolean[] NOT_IN_64 = new boolean[0x100];

    static {
        int[] gone = {
            0x06, 0x07, 0x0E, 0x16, 0x17, 0x1E, 0x1F, 0x27, 0x2F, 0x37, 0x3F, 0x60, 0x61, 0x62, 0x82, 0x9A, 0xC4, 0xC5,
            0xCE, 0xD4, 0xD5, 0xD6, 0xEA
        };
        for (int opcode : gone) NOT_IN_64[opcode] = true;
    }

    private OpcodeTable() {}

    /** What follows an opcode, numbered as in {@link Decoded#opcode}. */
    static char follows(int opcode, CodeMode mode) {
        return switch (opcode >> 8) {
            case 0 -> mode == CodeMode.BITS_64 && NOT_IN_64[opcode] ? UNDEFINED : ONE_BYTE.charAt(opcode);
            case 1 -> AFTER_0F.charAt(opcode & 0xFF);
            case 2 -> MODRM;
            default -> MODRM_IMM8;
        };
    }

    /**
     * Opcodes whose operand is 64 bits wide in 64-bit mode without REX.W: Intel SDM vol. 2D, table
     * A-1, d64 and f64.
     */
    static boolean defaultsTo64(int opcode, int reg) {
        if ((opcode >= 0x50 && opcode <= 0x5F) || (opcode >= 0x70 && opcode <= 0x7F)) return true;
        if (opcode >= 0x180 && opcode <= 0x18F) return true;
        return switch (opcode) {
            case 0x68, 0x6A, 0x8F, 0x9C, 0x9D, 0xC2, 0xC3, 0xC8, 0xC9, 0xE0, 0xE1, 0xE2, 0xE3, 0xE8, 0xE9, 0xEB -> true;
            case 0x1A0, 0x1A1, 0x1A8, 0x1A9, 0x120, 0x121, 0x122, 0x123 -> true;
            case 0xFF -> reg == 2 || reg == 4 || reg == 6; // CALL, JMP, PUSH
            default -> false;
        };
    }

    /** Branches, whose operand cannot be made smaller in 64-bit mode: superscript f64. */
    static boolean alwaysIs64(int opcode, int reg) {
        if ((opcode >= 0x70 && opcode <= 0x7F) || (opcode >= 0x180 && opcode <= 0x18F)) return true;
        return switch (opcode) {
            case 0xC2, 0xC3, 0xE0, 0xE1, 0xE2, 0xE3, 0xE8, 0xE9, 0xEB, 0x120, 0x121, 0x122, 0x123 -> true;
            case 0xFF -> reg == 2 || reg == 4;
            default -> false;
        };
    }
}
