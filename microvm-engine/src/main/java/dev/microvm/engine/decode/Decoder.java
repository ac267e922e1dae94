package dev.microvm.engine.decode;

/**
 * Takes one instruction apart. Keeps nothing between calls but what it fills.
 *
 * <p>Source: Intel SDM vol. 2A, chapter 2.
 */
public final class Decoder {
    /** The most bytes an instruction may have: Intel SDM vol. 2A, 2.3.11. */
    public static final int MAX_LENGTH = 15;

    /** What {@link #decode} found. */
    public enum Result {
        /** An instruction, whole. */
        COMPLETE,
        /** The bytes end before the instruction does. */
        TRUNCATED,
        /** An undefined opcode. */
        UNDEFINED,
        /** Longer than {@link #MAX_LENGTH} bytes: #GP. */
        TOO_LONG
    }

    private static final int REX_W = 8;
    private static final int REX_R = 4;
    private static final int REX_X = 2;
    private static final int REX_B = 1;

    // VEX: Intel SDM vol. 2A, figure 2-9
    private static final int VEX_3 = 0xC4;
    private static final int VEX_2 = 0xC5;
    private static final int VEX_NOT_R = 0x80;
    private static final int VEX_NOT_X = 0x40;
    private static final int VEX_NOT_B = 0x20;
    private static final int VEX_MAP = 0x1F;
    private static final int VEX_W = 0x80;
    private static final int VEX_L = 4;
    private static final int VEX_MAPS = 3; // 0F, 0F 38, 0F 3A

    private final Decoded d = new Decoded();
    private byte[] code = {};
    private int at;
    private int limit;
    private boolean outOfBytes;
    private boolean undefined; // a VEX prefix with what it must not have

    /** Makes a decoder. */
    public Decoder() {}

    /** What the last call found; the same object each time. */
    public Decoded decoded() {
        return d;
    }

    /**
     * Decodes the instruction at {@code start}.
     *
     * @param bytes code
     * @param start where the instruction begins
     * @param end where the bytes end
     * @param mode how to read it
     */
    public Result decode(byte[] bytes, int start, int end, CodeMode mode) {
        code = bytes;
        at = start;
        limit = Math.min(end, start + MAX_LENGTH);
        outOfBytes = false;
        undefined = false;
        d.mode = mode;
        d.start = start;
        Result result = parse(mode);
        d.end = at;
        if (outOfBytes) return limit < end || end - start >= MAX_LENGTH ? Result.TOO_LONG : Result.TRUNCATED;
        return result;
    }

    private Result parse(CodeMode mode) {
        int rex = prefixes(mode);
        d.rex = rex != 0;
        d.rexW = (rex & REX_W) != 0;
        char follows = undefined ? OpcodeTable.UNDEFINED : OpcodeTable.follows(d.opcode, mode);
        d.hasModRm = false;
        d.mod = 3;
        d.reg = 0;
        d.rm = (d.opcode & 7) | ((rex & REX_B) << 3);
        d.base = Decoded.NONE;
        d.index = Decoded.NONE;
        d.scale = 0;
        d.displacement = 0;
        d.immediate = 0;
        d.segment = d.segmentPrefix != Decoded.NONE ? d.segmentPrefix : Decoded.DS;
        switch (follows) {
            case OpcodeTable.MODRM,
                    OpcodeTable.MODRM_IMM8,
                    OpcodeTable.MODRM_IMM,
                    OpcodeTable.GROUP3,
                    OpcodeTable.GROUP3_BYTE -> modRm(rex);
            default -> {}
        }
        sizes(mode);
        return immediates(follows);
    }

    /** Reads prefixes and the opcode; returns the REX byte, or 0. */
    private int prefixes(CodeMode mode) {
        d.lock = false;
        d.repeat = false;
        d.repeatNotEqual = false;
        d.operandPrefix = false;
        d.segmentPrefix = Decoded.NONE;
        d.vex = false;
        boolean addressPrefix = false;
        int rex = 0;
        while (true) {
            int next = u8();
            if (outOfBytes) break;
            if (mode == CodeMode.BITS_64 && (next & 0xF0) == 0x40) {
                rex = next;
                continue;
            }
            switch (next) {
                case 0xF0 -> d.lock = true;
                case 0xF2 -> {
                    d.repeatNotEqual = true;
                    d.repeat = false; // the last one counts
                }
                case 0xF3 -> {
                    d.repeat = true;
                    d.repeatNotEqual = false;
                }
                case 0x66 -> d.operandPrefix = true;
                case 0x67 -> addressPrefix = true;
                case 0x26, 0x2E, 0x36, 0x3E -> {
                    if (mode != CodeMode.BITS_64) d.segmentPrefix = (next >> 3) & 3;
                }
                case 0x64, 0x65 -> d.segmentPrefix = next & 7;
                default -> {
                    addressSize(mode, addressPrefix);
                    if (isVex(next, mode)) return vex(next, rex);
                    opcode(next);
                    return rex;
                }
            }
            rex = 0; // REX counts only right before the opcode
        }
        d.opcode = 0x90;
        addressSize(mode, addressPrefix);
        return 0;
    }

    /**
     * Whether a byte begins a VEX prefix: outside of 64-bit mode it is LES or LDS if memory
     * follows.
     */
    private boolean isVex(int first, CodeMode mode) {
        if (first != VEX_3 && first != VEX_2) return false;
        return mode == CodeMode.BITS_64 || (at < limit && (code[at] & 0xC0) == 0xC0);
    }

    /** Reads the rest of a VEX prefix and the opcode; returns what REX would be. */
    private int vex(int first, int rex) {
        undefined = rex != 0 || d.lock || d.mandatoryPrefix() != 0;
        int second = u8();
        int map = 1;
        int third = second;
        int bits = (second & VEX_NOT_R) == 0 ? REX_R : 0;
        if (first == VEX_3) {
            map = second & VEX_MAP;
            bits |= ((second & VEX_NOT_X) == 0 ? REX_X : 0) | ((second & VEX_NOT_B) == 0 ? REX_B : 0);
            third = u8();
            if ((third & VEX_W) != 0) bits |= REX_W;
        }
        if (d.mode != CodeMode.BITS_64) bits &= REX_W; // the others are ignored there
        d.vex = true;
        d.vexL = (third & VEX_L) != 0;
        d.vexRegister = ~third >> 3 & 0xF;
        int pp = third & 3;
        d.operandPrefix = pp == 1;
        d.repeat = pp == 2;
        d.repeatNotEqual = pp == 3;
        if (map == 0 || map > VEX_MAPS) undefined = true;
        d.opcode = (map & VEX_MAPS) << 8 | u8();
        return bits;
    }

    private void addressSize(CodeMode mode, boolean prefix) {
        d.addressSize = switch (mode) {
            case BITS_64 -> prefix ? 4 : 8;
            case BITS_32 -> prefix ? 2 : 4;
            case BITS_16 -> prefix ? 4 : 2;
        };
    }

    private void opcode(int first) {
        if (first != 0x0F) {
            d.opcode = first;
            return;
        }
        int second = u8();
        d.opcode = switch (second) {
            case 0x38 -> 0x200 | u8();
            case 0x3A -> 0x300 | u8();
            default -> 0x100 | second;
        };
    }

    private void sizes(CodeMode mode) {
        if (mode == CodeMode.BITS_64) {
            boolean wide = d.rexW || OpcodeTable.alwaysIs64(d.opcode, d.reg & 7);
            if (wide || (!d.operandPrefix && OpcodeTable.defaultsTo64(d.opcode, d.reg & 7))) {
                d.operandSize = 8;
            } else {
                d.operandSize = d.operandPrefix ? 2 : 4;
            }
        } else {
            d.operandSize = (mode == CodeMode.BITS_32) != d.operandPrefix ? 4 : 2;
        }
    }

    private void modRm(int rex) {
        int modRm = u8();
        d.hasModRm = true;
        d.mod = modRm >> 6;
        d.reg = (modRm >> 3 & 7) | ((rex & REX_R) << 1);
        int rm = modRm & 7;
        d.rm = rm | ((rex & REX_B) << 3);
        if (d.opcode >= 0x120 && d.opcode <= 0x123) d.mod = 3; // MOV to control and debug registers: mod is ignored
        if (d.mod == 3) return;
        if (d.addressSize == 2) {
            address16(rm);
        } else {
            address(rm, rex);
        }
    }

    /** Intel SDM vol. 2A, table 2-1. */
    private void address16(int rm) {
        final int bx = 3, bp = 5, si = 6, di = 7;
        switch (rm) {
            case 0 -> pair(bx, si);
            case 1 -> pair(bx, di);
            case 2 -> pair(bp, si);
            case 3 -> pair(bp, di);
            case 4 -> d.base = si;
            case 5 -> d.base = di;
            case 6 -> d.base = d.mod == 0 ? Decoded.NONE : bp;
            default -> d.base = bx;
        }
        if (d.mod == 1) {
            d.displacement = (byte) u8();
        } else if (d.mod == 2 || rm == 6) {
            d.displacement = (short) u16();
        }
        if (d.base == bp) stackByDefault();
    }

    private void pair(int base, int index) {
        d.base = base;
        d.index = index;
    }

    /** Intel SDM vol. 2A, tables 2-2 and 2-3. */
    private void address(int rm, int rex) {
        final int sp = 4, bp = 5;
        int base = rm;
        if (rm == sp) {
            int sib = u8();
            d.scale = sib >> 6;
            int index = (sib >> 3 & 7) | ((rex & REX_X) << 2);
            if (index != sp || isGather()) d.index = index;
            base = sib & 7;
        }
        if (base == bp && d.mod == 0) {
            d.base = rm != sp && d.mode == CodeMode.BITS_64 ? Decoded.RIP : Decoded.NONE;
            d.displacement = (int) u32();
        } else {
            d.base = base | ((rex & REX_B) << 3);
            if (d.base == sp || d.base == bp) stackByDefault();
            if (d.mod == 1) {
                d.displacement = (byte) u8();
            } else if (d.mod == 2) {
                d.displacement = (int) u32();
            }
        }
    }

    /** Whether the index is a vector register: Intel SDM vol. 2A, 2.3.12. */
    private boolean isGather() {
        return d.vex && d.opcode >= 0x290 && d.opcode <= 0x293;
    }

    private void stackByDefault() {
        if (d.segmentPrefix == Decoded.NONE) d.segment = Decoded.SS;
    }

    private Result immediates(char follows) {
        switch (follows) {
            case OpcodeTable.UNDEFINED -> {
                return outOfBytes ? Result.TRUNCATED : Result.UNDEFINED;
            }
            case OpcodeTable.IMM8, OpcodeTable.MODRM_IMM8, OpcodeTable.REL8 -> d.immediate = (byte) u8();
            case OpcodeTable.IMM, OpcodeTable.MODRM_IMM -> d.immediate = upTo32(d.operandSize);
            case OpcodeTable.REL -> d.immediate = upTo32(d.operandSize);
            case OpcodeTable.IMM_FULL -> d.immediate = d.operandSize == 8 ? u64() : upTo32(d.operandSize);
            case OpcodeTable.IMM16 -> d.immediate = u16();
            case OpcodeTable.IMM16_IMM8 -> {
                d.immediate = u16();
                d.immediate2 = u8();
            }
            case OpcodeTable.FAR_POINTER -> {
                d.immediate = d.operandSize == 2 ? u16() : u32();
                d.immediate2 = u16();
            }
            case OpcodeTable.ADDRESS -> {
                d.mod = 0;
                d.displacement = switch (d.addressSize) {
                    case 2 -> u16();
                    case 4 -> u32();
                    default -> u64();
                };
            }
            case OpcodeTable.GROUP3_BYTE -> {
                if ((d.reg & 7) < 2) d.immediate = (byte) u8();
            }
            case OpcodeTable.GROUP3 -> {
                if ((d.reg & 7) < 2) d.immediate = upTo32(d.operandSize);
            }
            default -> {}
        }
        return Result.COMPLETE;
    }

    private long upTo32(int size) {
        return size == 2 ? (short) u16() : (int) u32();
    }

    private int u8() {
        if (at >= limit) {
            outOfBytes = true;
            return 0;
        }
        return code[at++] & 0xFF;
    }

    private int u16() {
        int low = u8();
        return low | (u8() << 8);
    }

    private long u32() {
        int low = u16();
        return (low | ((long) u16() << 16)) & 0xFFFF_FFFFL;
    }

    private long u64() {
        long low = u32();
        return low | (u32() << 32);
    }
}
