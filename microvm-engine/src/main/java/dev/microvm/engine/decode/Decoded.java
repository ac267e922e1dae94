package dev.microvm.engine.decode;

/**
 * The parts of one instruction, filled by {@link Decoder} and used again for the next.
 *
 * <p>Register numbers are complete: REX is in them. Source: Intel SDM vol. 2A, chapter 2.
 */
public final class Decoded {
    /** What {@link #base}, {@link #index} and {@link #segment} say where there is none. */
    public static final int NONE = -1;

    /** What {@link #base} says for an address relative to the next instruction. */
    public static final int RIP = -2;

    /** Segment registers, as numbered in a ModR/M byte. */
    public static final int ES = 0;

    public static final int CS = 1;
    public static final int SS = 2;
    public static final int DS = 3;
    public static final int FS = 4;
    public static final int GS = 5;

    // Mandatory prefixes of SSE instructions, by number: Intel SDM vol. 2A, 2.1.2

    public static final int NO_PREFIX = 0;
    public static final int PREFIX_66 = 1;
    public static final int PREFIX_F3 = 2;
    public static final int PREFIX_F2 = 3;

    /** 0x00 to 0xff; 0x100 added after 0F, 0x200 after 0F 38, 0x300 after 0F 3A. */
    public int opcode;

    /** How the code was read. */
    public CodeMode mode = CodeMode.BITS_64;

    /** Offset of the first byte, as given to the decoder, and of the first byte after. */
    public int start;

    public int end;

    /** Bytes of an operand, for an instruction that is not of bytes by its opcode: 2, 4 or 8. */
    public int operandSize;

    /** Bytes of an address: 2, 4 or 8. */
    public int addressSize;

    /** Prefixes. */
    public boolean lock;

    public boolean repeat; // F3
    public boolean repeatNotEqual; // F2
    public boolean operandPrefix; // 66

    /** Whether there was a REX prefix: then registers 4 to 7 of bytes are SPL to DIL. */
    public boolean rex;

    public boolean rexW;

    /**
     * Whether there was a VEX prefix: Intel SDM vol. 2A, 2.3.5. Its {@code pp} is in the prefixes
     * above, its W, R, X and B where those of REX are.
     */
    public boolean vex;

    /** VEX.L: 256 bits. */
    public boolean vexL;

    /**
     * VEX.vvvv, a register, of whose bits 64-bit mode alone heeds the highest; 0 where an
     * instruction has none.
     */
    public int vexRegister;

    /** The segment named by a prefix, or {@link #NONE}. */
    public int segmentPrefix;

    /** Whether there is a ModR/M byte. */
    public boolean hasModRm;

    /** Its fields; {@code reg} and {@code rm} with the bits of REX. */
    public int mod;

    public int reg;
    public int rm;

    /** The address, where {@code mod} is not 3 and for opcodes a0 to a3. */
    public int base;

    public int index;
    public int scale;
    public long displacement;

    /** The segment the address is in: from a prefix or by default. */
    public int segment;

    /** Immediate, sign-extended; a branch's displacement. */
    public long immediate;

    /** ENTER's nesting level, a far pointer's selector. */
    public int immediate2;

    /** Makes an empty one. */
    public Decoded() {}

    /** Whether the ModR/M operand is a register. */
    public boolean isRegister() {
        return mod == 3;
    }

    /** The {@code reg} field without REX, where it is part of the opcode. */
    public int group() {
        return reg & 7;
    }

    /**
     * Bytes of an operand, for an instruction that is of bytes where bit 0 of its opcode is clear.
     */
    public int sizeByOpcode() {
        return (opcode & 1) == 0 ? 1 : operandSize;
    }

    /** Bytes of the instruction. */
    public int length() {
        return end - start;
    }

    /**
     * The mandatory prefix: {@link #NO_PREFIX}, {@link #PREFIX_66}, {@link #PREFIX_F3} or {@link
     * #PREFIX_F2}.
     */
    public int mandatoryPrefix() {
        if (repeatNotEqual) return PREFIX_F2;
        if (repeat) return PREFIX_F3;
        return operandPrefix ? PREFIX_66 : NO_PREFIX;
    }
}
