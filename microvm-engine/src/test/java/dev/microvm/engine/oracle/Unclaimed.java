package dev.microvm.engine.oracle;

import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.decode.Decoder;

/**
 * What is not compared with the real processor: instructions of extensions that the engine does not
 * announce, those whose result is not a matter of their operands, and those in which processors are
 * free to differ.
 */
final class Unclaimed {
    private Unclaimed() {}

    static boolean contains(Decoded d, Decoder.Result result) {
        if (d.vex) return result == Decoder.Result.COMPLETE ? !vexIsClaimed(d.opcode) : hasManyPrefixes(d);
        if (result == Decoder.Result.UNDEFINED && hasManyPrefixes(d)) return true;
        if (d.opcode == 0x1B9 || d.opcode == 0x1FF) return hasManyPrefixes(d); // UD1, UD0: ModR/M or not
        return switch (d.opcode >> 8) {
            case 0 -> oneByte(d);
            case 1 -> after0f(d);
            case 2 -> after0f38(d.opcode & 0xFF);
            default -> after0f3a(d.opcode & 0xFF);
        };
    }

    /** Whether it may be too long for a processor that thinks it longer. */
    private static boolean hasManyPrefixes(Decoded d) {
        return d.length() > 8;
    }

    private static boolean vexIsClaimed(int opcode) {
        return switch (opcode) {
            case 0x2F2, 0x2F3, 0x2F5, 0x2F6, 0x2F7, 0x3F0 -> true;
            default -> false;
        };
    }

    private static boolean oneByte(Decoded d) {
        boolean wide = d.mode == CodeMode.BITS_64;
        return switch (d.opcode) {
            case 0x63 -> wide && d.operandSize == 2; // Intel reads 16 bits, AMD 32
            case 0x8F -> d.group() != 0 && hasManyPrefixes(d); // XOP to AMD
            case 0x62 -> wide || d.mod == 3; // EVEX
            case 0xC4, 0xC5 -> wide; // VEX
            case 0xFF -> // far: as with LFS; and AMD pushes by the stack addresses of the code that is called
                nearBranch16(d) || (d.group() == 3 && wide) || (d.group() == 5 && d.rexW);
            case 0xCA -> true; // RETF with an immediate: AMD looks first at the stack behind it
            case 0x06, 0x0E, 0x16, 0x1E ->
                d.operandSize > 2; // PUSH of a segment: the rest of its slot is 0 or as before
            case 0xD6 -> !wide; // SALC, in no manual
            case 0xCD -> (d.immediate & 0xFF) == 0x80; // a system call
            case 0xE0, 0xE1 -> d.repeat || d.repeatNotEqual || nearBranch16(d) || loops(d); // AMD heeds REPE for LOOPNE
            case 0xF1 -> true; // INT1: the kernel's debugging
            case 0xD9 ->
                d.mod == 3
                        ? isFunction(d) || d.group() == 3
                        : d.group() == 6; // FSTP1, and FNSTENV: AMD has its own pointers
            case 0xDB -> d.mod == 3 && d.group() == 4 && (d.rm & 7) != 2 && (d.rm & 7) != 3; // of the 8087 and 80287
            case 0xDC -> d.mod == 3 && (d.group() == 2 || d.group() == 3); // in no manual
            case 0xDD -> d.mod == 3 ? d.group() == 1 : d.group() == 6; // in no manual; FNSAVE
            case 0xDE -> d.mod == 3 && d.group() == 2; // in no manual
            case 0xDF -> // FFREEP and others in no manual; FBLD, undefined unless all digits are decimal: X87OracleTest
                d.mod == 3 ? d.group() < 4 : d.group() == 4;
            default -> nearBranch16(d) || loops(d);
        };
    }

    /** Branches with the prefix 66 in 64-bit mode: Intel ignores it, AMD does not. */
    private static boolean nearBranch16(Decoded d) {
        if (d.mode != CodeMode.BITS_64 || !d.operandPrefix) return false;
        int opcode = d.opcode;
        return (opcode >= 0x70 && opcode <= 0x7F)
                || (opcode >= 0x180 && opcode <= 0x18F)
                || (opcode >= 0xE0 && opcode <= 0xE3)
                || opcode == 0xE8
                || opcode == 0xE9
                || opcode == 0xEB
                || opcode == 0xC2
                || opcode == 0xC3
                || (opcode == 0xFF && (d.group() == 2 || d.group() == 4));
    }

    /** Branches backwards, which might not end. */
    private static boolean loops(Decoded d) {
        int opcode = d.opcode;
        boolean branches = (opcode >= 0x70 && opcode <= 0x7F)
                || (opcode >= 0x180 && opcode <= 0x18F)
                || (opcode >= 0xE0 && opcode <= 0xE3)
                || opcode == 0xE8
                || opcode == 0xE9
                || opcode == 0xEB;
        return branches && d.immediate < 0 && d.immediate > -64;
    }

    /**
     * F2XM1, FYL2X, FPTAN, FPATAN, FYL2XP1, FSINCOS, FSIN, FCOS: processors differ in the last bit.
     */
    private static boolean isFunction(Decoded d) {
        int number = (d.group() - 6) * 8 + (d.rm & 7);
        return switch (number) {
            case 0, 1, 2, 3, 9, 11, 14, 15 -> true;
            default -> false;
        };
    }

    private static boolean after0f(Decoded d) {
        int prefix = d.mandatoryPrefix();
        int group = d.group();
        return switch (d.opcode & 0xFF) {
            case 0x00 -> group < 2 || (group == 5 && d.lock); // SLDT and STR, which Linux may emulate; LOCK VERW on AMD
            case 0x01 -> group7(d);
            case 0x05, 0x07, 0x34, 0x35 -> true; // SYSCALL and the like
            case 0x0D -> d.mod == 3; // PREFETCHW
            case 0x0E, 0x0F -> true; // 3DNow!
            case 0x2A -> prefix == 0 && d.mod != 3; // CVTPI2PS of memory: Intel enters MMX state, AMD does not
            case 0x2B -> prefix > 1; // MOVNTSS, MOVNTSD: SSE4A
            case 0x31, 0x33, 0xA2 -> true; // RDTSC, RDPMC, CPUID
            case 0x52, 0x53 -> true; // RSQRT, RCP: an error is allowed
            case 0x78, 0x79 -> true; // EXTRQ, INSERTQ: SSE4A
            case 0xA4, 0xAC -> d.operandSize == 2 && (d.immediate & 0x1F) > 16; // undefined
            case 0xA0, 0xA8 -> d.operandSize > 2; // PUSH of a segment, as above
            case 0xA6, 0xA7 -> true; // of VIA
            case 0xAE -> d.mod != 3 ? unclaimedGroup15(prefix, group) : prefix > 1 && group > 3;
            case 0xB2, 0xB4, 0xB5 -> d.rexW; // Intel has far pointers of 80 bits, AMD not
            case 0xC8, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF -> d.operandSize == 2; // BSWAP: undefined
            case 0xC7 -> d.mod == 3 ? group >= 6 : group >= 3; // RDRAND, RDPID; XSAVEC
            case 0xF7 -> d.mode != CodeMode.BITS_64 || d.segmentPrefix != Decoded.NONE; // see Special.isMaskedStore
            case 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F ->
                nearBranch16(d) || loops(d);
            default -> false;
        };
    }

    /**
     * What FXSAVE and the like leave out, and CLWB and CLFLUSHOPT, which not all processors have.
     */
    private static boolean unclaimedGroup15(int prefix, int group) {
        return prefix > 1 || (prefix == 1 ? group >= 6 : isSave(group));
    }

    /** FXSAVE, XSAVE and XSAVEOPT, of which AMD leaves out the pointers. */
    private static boolean isSave(int group) {
        return group == 0 || group == 4 || group == 6;
    }

    private static boolean group7(Decoded d) {
        int group = d.group();
        if (d.mod != 3) return group < 2 || group == 4 || group == 5; // SGDT, SIDT, SMSW: Linux may emulate them
        return !(group == 6 || (group == 7 && (d.rm & 7) == 0));
    }

    private static boolean after0f38(int opcode) {
        return (opcode >= 0x80 && opcode <= 0x8F) // INVPCID and the like
                || (opcode >= 0xCE && opcode <= 0xDA) // GFNI, wide keys
                || opcode == 0xF5
                || opcode >= 0xF8;
    }

    private static boolean after0f3a(int opcode) {
        return opcode == 0xCE || opcode == 0xCF; // GFNI
    }
}
