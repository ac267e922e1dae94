package dev.microvm.engine.oracle;

import static dev.microvm.engine.oracle.MemoryAccess.Kind.READ;
import static dev.microvm.engine.oracle.MemoryAccess.Kind.UPDATE;
import static dev.microvm.engine.oracle.MemoryAccess.Kind.WRITE;

import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.oracle.MemoryAccess.Kind;

/**
 * How an instruction uses the operand in memory that its ModR/M byte names. Source: Intel SDM vol.
 * 2, each instruction.
 *
 * @param bytes how many; 0 if it uses none
 * @param more bytes that follow and are a part of their own, such as a far pointer's selector
 * @param kind what it does with them
 * @param alignment of which the address must be a multiple; 1 if it need not
 */
record MemoryOperand(int bytes, int more, Kind kind, int alignment) {
    private static final MemoryOperand NONE = new MemoryOperand(0, 0, READ, 1);
    private static final int XMM = 16;
    private static final int FXSAVE_SIZE = 512;
    private static final int XSAVE_SIZE = 576; // x87, SSE and the header
    private static final int XSAVE_ALIGNMENT = 64;
    private static final int X87_REGISTERS_SIZE = 80;

    // Bytes of the x87's operands by the reg field: reads are positive, writes negative. Intel SDM vol. 2D, B.17
    private static final int[] X87_D9 = {4, 0, -4, -4, 0, 2, 0, -2};
    private static final int[] X87_DB = {4, -4, -4, -4, 0, 10, 0, -10};
    private static final int[] X87_DD = {8, -8, -8, -8, 0, 0, 0, -2};
    private static final int[] X87_DF = {2, -2, -2, -2, 10, 8, -10, -8};

    /** Returns how a decoded instruction uses its operand, which must be in memory. */
    static MemoryOperand of(Decoded d) {
        if (d.vex) return read(d.rexW ? 8 : 4);
        return switch (d.opcode >> 8) {
            case 0 -> oneByte(d);
            case 1 -> after0f(d);
            case 2 -> after0f38(d);
            default -> after0f3a(d);
        };
    }

    private static MemoryOperand read(int bytes) {
        return new MemoryOperand(bytes, 0, READ, 1);
    }

    private static MemoryOperand write(int bytes) {
        return new MemoryOperand(bytes, 0, WRITE, 1);
    }

    private static MemoryOperand update(int bytes) {
        return new MemoryOperand(bytes, 0, UPDATE, 1);
    }

    private static MemoryOperand farPointer(Decoded d) {
        return new MemoryOperand(d.operandSize, 2, READ, 1);
    }

    private static MemoryOperand aligned(int bytes, Kind kind) {
        return new MemoryOperand(bytes, 0, kind, bytes == XMM ? XMM : 1);
    }

    /** Bytes of an operand that is of bytes if bit 0 of the opcode is clear. */
    private static int sized(Decoded d) {
        return (d.opcode & 1) == 0 ? 1 : d.operandSize;
    }

    private static MemoryOperand oneByte(Decoded d) {
        int opcode = d.opcode;
        int group = d.group();
        int size = sized(d);
        if (opcode < 0x40) return (opcode & 2) == 0 && opcode >> 3 != 7 ? update(size) : read(size);
        return switch (opcode) {
            case 0x62 -> new MemoryOperand(d.operandSize, d.operandSize, READ, 1);
            case 0x63 -> d.mode == CodeMode.BITS_64 ? read(4) : update(2);
            case 0x69, 0x6B -> read(d.operandSize);
            case 0x80, 0x81, 0x82, 0x83 -> group == 7 ? read(size) : update(size);
            case 0x84, 0x85, 0x8A, 0x8B, 0xA0, 0xA1 -> read(size);
            case 0x86, 0x87, 0xC0, 0xC1, 0xD0, 0xD1, 0xD2, 0xD3 -> update(size);
            case 0x88, 0x89, 0xA2, 0xA3, 0xC6, 0xC7 -> write(size);
            case 0x8C -> write(2);
            case 0x8E -> read(2);
            case 0x8F -> write(d.operandSize);
            case 0xC4, 0xC5 -> farPointer(d);
            case 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF -> x87(d);
            case 0xF6, 0xF7 -> group == 2 || group == 3 ? update(size) : read(size);
            case 0xFE, 0xFF -> group < 2 ? update(size) : group == 3 || group == 5 ? farPointer(d) : read(size);
            default -> NONE;
        };
    }

    private static MemoryOperand x87(Decoded d) {
        int group = d.group();
        int environment = d.operandSize == 2 ? 14 : 28;
        if (d.opcode == 0xD9 && (group == 4 || group == 6)) return signed(group == 4 ? environment : -environment);
        if (d.opcode == 0xDD && (group == 4 || group == 6)) {
            return signed((environment + X87_REGISTERS_SIZE) * (group == 4 ? 1 : -1));
        }
        return signed(
                switch (d.opcode) {
                    case 0xD9 -> X87_D9[group];
                    case 0xDB -> X87_DB[group];
                    case 0xDC -> 8;
                    case 0xDD -> X87_DD[group];
                    case 0xDE -> 2;
                    case 0xDF -> X87_DF[group];
                    default -> 4;
                });
    }

    private static MemoryOperand signed(int bytes) {
        return bytes < 0 ? write(-bytes) : read(bytes);
    }

    private static MemoryOperand after0f(Decoded d) {
        int opcode = d.opcode & 0xFF;
        if (opcode >= 0x40 && opcode <= 0x4F) return read(d.operandSize);
        if (opcode >= 0x90 && opcode <= 0x9F) return write(1);
        return switch (opcode) {
            case 0x00 -> d.group() < 2 ? write(2) : read(2);
            case 0x01 -> group7(d);
            case 0x02, 0x03, 0xB7, 0xBF, 0xC4 -> read(2);
            case 0xA3, 0xAF, 0xB8, 0xBC, 0xBD -> read(d.operandSize);
            case 0xA4, 0xA5, 0xAB, 0xAC, 0xAD, 0xB3, 0xBB -> update(d.operandSize);
            case 0xBA -> d.group() == 4 ? read(d.operandSize) : update(d.operandSize);
            case 0xB0, 0xB1, 0xC0, 0xC1 -> update(sized(d));
            case 0xB2, 0xB4, 0xB5 -> farPointer(d);
            case 0xB6, 0xBE -> read(1);
            case 0xC3 -> write(d.rexW ? 8 : 4);
            case 0xC7 -> d.group() == 1 ? exchange(d) : area(XSAVE_SIZE, WRITE, XSAVE_ALIGNMENT);
            case 0xAE -> group15(d);
            default -> simd(d, opcode);
        };
    }

    /** CMPXCHG8B and CMPXCHG16B. */
    private static MemoryOperand exchange(Decoded d) {
        return d.rexW ? aligned(XMM, UPDATE) : update(8);
    }

    private static MemoryOperand group7(Decoded d) {
        return switch (d.group()) {
            case 2, 3 -> new MemoryOperand(2, d.mode == CodeMode.BITS_64 ? 8 : 4, READ, 1);
            case 6 -> read(2);
            default -> NONE;
        };
    }

    private static MemoryOperand area(int bytes, Kind kind, int alignment) {
        return new MemoryOperand(bytes, 0, kind, alignment);
    }

    private static MemoryOperand group15(Decoded d) {
        if (d.mandatoryPrefix() != 0) return read(1);
        return switch (d.group()) {
            case 0 -> area(FXSAVE_SIZE, WRITE, XMM);
            case 1 -> area(FXSAVE_SIZE, READ, XMM);
            case 2 -> read(4);
            case 3 -> write(4);
            case 4, 6 -> area(XSAVE_SIZE, UPDATE, XSAVE_ALIGNMENT); // it reads its header
            case 5 -> area(XSAVE_SIZE, READ, XSAVE_ALIGNMENT);
            default -> read(1);
        };
    }

    /** MMX and SSE after 0F. */
    private static MemoryOperand simd(Decoded d, int opcode) {
        int general = d.rexW ? 8 : 4;
        return switch (opcode) {
            case 0x10 -> read(byPrefix(d, 16, 16, 4, 8));
            case 0x11 -> write(byPrefix(d, 16, 16, 4, 8));
            case 0x12 -> aligned(byPrefix(d, 8, 8, 16, 8), READ);
            case 0x16 -> aligned(byPrefix(d, 8, 8, 16, 0), READ);
            case 0x13, 0x17, 0xD6 -> write(8);
            case 0x29, 0x2B -> aligned(XMM, WRITE);
            case 0x2A -> read(byPrefix(d, 8, 8, general, general));
            case 0x2C, 0x2D -> aligned(byPrefix(d, 8, 16, 4, 8), READ);
            case 0x2E, 0x2F -> read(byPrefix(d, 4, 8, 0, 0));
            case 0x5A -> aligned(byPrefix(d, 8, 16, 4, 8), READ);
            case 0x5B -> aligned(XMM, READ);
            case 0x14, 0x15, 0x28, 0xC6 -> aligned(XMM, READ);
            case 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5C, 0x5D, 0x5E, 0x5F, 0xC2 ->
                aligned(byPrefix(d, 16, 16, 4, 8), READ);
            case 0x60, 0x61, 0x62 -> aligned(byPrefix(d, 4, 16, 0, 0), READ);
            case 0x6E -> read(general);
            case 0x6F -> vector(d, READ);
            case 0x7E -> d.repeat ? read(8) : write(general);
            case 0x7F -> vector(d, WRITE);
            case 0xE6 -> aligned(byPrefix(d, 0, 16, 8, 16), READ);
            case 0xE7 -> aligned(byPrefix(d, 8, 16, 0, 0), WRITE);
            case 0xF0 -> read(XMM);
            default -> isPacked(opcode) ? aligned(byPrefix(d, 8, 16, 16, 16), READ) : NONE;
        };
    }

    /** Integers in MMX and XMM registers: 0F 60 to 0F 7F and 0F D0 to 0F FE. */
    private static boolean isPacked(int opcode) {
        return (opcode >= 0x60 && opcode <= 0x7F) || opcode >= 0xD0;
    }

    /** MOVQ, MOVDQA, and MOVDQU, which needs no alignment. */
    private static MemoryOperand vector(Decoded d, Kind kind) {
        return d.repeat ? new MemoryOperand(XMM, 0, kind, 1) : aligned(d.mandatoryPrefix() == 0 ? 8 : XMM, kind);
    }

    private static int byPrefix(Decoded d, int none, int with66, int withF3, int withF2) {
        return switch (d.mandatoryPrefix()) {
            case 0 -> none;
            case 1 -> with66;
            case 2 -> withF3;
            default -> withF2;
        };
    }

    private static MemoryOperand after0f38(Decoded d) {
        final int[] widened = {8, 4, 2, 8, 4, 8}; // PMOVSX, PMOVZX
        int opcode = d.opcode & 0xFF;
        boolean widens = (opcode & 0xE8) == 0x20 && (opcode & 7) < widened.length;
        if (widens) return read(widened[opcode & 7]);
        return switch (opcode) {
            case 0xF0 -> d.repeatNotEqual ? read(1) : read(d.operandSize);
            case 0xF1 -> d.repeatNotEqual ? read(d.operandSize) : write(d.operandSize);
            case 0xC8, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD -> read(XMM); // SHA needs no alignment
            case 0xF6 -> read(d.rexW ? 8 : 4);
            default -> aligned(d.mandatoryPrefix() == 0 ? 8 : XMM, READ);
        };
    }

    private static MemoryOperand after0f3a(Decoded d) {
        int general = d.rexW ? 8 : 4;
        return switch (d.opcode & 0xFF) {
            case 0x0A, 0x21 -> read(4);
            case 0x0B -> read(8);
            case 0x0F -> aligned(d.mandatoryPrefix() == 0 ? 8 : XMM, READ);
            case 0x14 -> write(1);
            case 0x15 -> write(2);
            case 0x16 -> write(general);
            case 0x17 -> write(4);
            case 0x20 -> read(1);
            case 0x22 -> read(general);
            case 0x60, 0x61, 0x62, 0x63, 0xCC -> read(XMM); // need no alignment
            default -> aligned(XMM, READ);
        };
    }
}
