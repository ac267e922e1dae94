package dev.microvm.engine.oracle;

import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.decode.Decoder;
import java.io.ByteArrayOutputStream;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Makes {@link Case}s: any opcode of the maps with any prefixes and operands, in 64-, 32- and
 * 16-bit code, in a state in which most of them do something: addresses lead to data and, now and
 * then, to where they fault.
 */
public final class UserCaseGenerator {
    private static final int RAX = 0;
    private static final int RCX = 1;
    private static final int RDX = 2;
    private static final int RSP = 4;
    private static final int RBP = 5;
    private static final int RSI = 6;
    private static final int RDI = 7;
    private static final int PAGE = 0x1000;
    private static final int IF = 1 << 9;
    private static final int MOST_INSTRUCTIONS_BEFORE = 3;
    private static final int VECTORS = Integer.getInteger("microvm.oracle.vectors", 25); // percent of cases

    private static final int[] WITH_0F38 = {
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x10, 0x14, 0x15, 0x17, 0x1C, 0x1D,
        0x1E, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x28, 0x29, 0x2A, 0x2B, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x37,
        0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F, 0x40, 0x41, 0xC8, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xDB, 0xDC,
        0xDD, 0xDE, 0xDF, 0xF0, 0xF1, 0xF0, 0xF1, 0xF6
    };
    private static final int[] WITH_0F3A = {
        0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x14, 0x15, 0x16, 0x17, 0x20, 0x21, 0x22, 0x40, 0x41, 0x42,
        0x44, 0x60, 0x61, 0x62, 0x63, 0xCC, 0xDF
    };
    private static final int[] VECTOR_0F38 = {
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x13, 0x16,
        0x17, 0x18, 0x19, 0x1A, 0x1C, 0x1D, 0x1E, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x28, 0x29, 0x2A, 0x2B, 0x2C,
        0x2D, 0x2E, 0x2F, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E,
        0x3F, 0x40, 0x41, 0x45, 0x46, 0x47, 0x58, 0x59, 0x5A, 0x78, 0x79, 0x8C, 0x8E, 0x90, 0x91, 0x92, 0x93, 0x96,
        0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE,
        0xAF, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xBB, 0xBC, 0xBD, 0xBE, 0xBF, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF
    };
    private static final int[] VECTOR_0F3A = {
        0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x14, 0x15, 0x16, 0x17,
        0x18, 0x19, 0x1D, 0x20, 0x21, 0x22, 0x38, 0x39, 0x40, 0x41, 0x42, 0x44, 0x46, 0x4A, 0x4B, 0x4C, 0x60, 0x61,
        0x62, 0x63, 0xDF
    };
    private static final int[] WITH_VEX = {0x2F2, 0x2F3, 0x2F5, 0x2F6, 0x2F7, 0x3F0};
    private static final int[] LEGACY_PREFIXES = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65};
    private static final int[] MANDATORY = {0, 0x66, 0xF3, 0xF2};
    private static final int[] SELECTORS = {
        0,
        1,
        2,
        3,
        0x08,
        0x10,
        0x18,
        UserCaseMachine.CODE_32,
        UserCaseMachine.DATA_32,
        UserCaseMachine.DATA_32 & ~3,
        UserCaseMachine.CODE_64,
        0x40,
        0x50,
        0x63,
        UserCaseMachine.LDT_CODE_16,
        UserCaseMachine.LDT_DATA_16,
        UserCaseMachine.LDT_READ_ONLY,
        UserCaseMachine.LDT_EXPAND_DOWN,
        UserCaseMachine.LDT_CODE_32,
        UserCaseMachine.LDT_MISSING,
        0x37,
        0x83,
        0x1_0003,
    };

    /**
     * Whole instructions that leave all flags defined, on AL to DL and the like: what may come
     * before another.
     */
    private static final int[] DEFINED_ARITHMETIC = {
        0x00, 0x01, 0x02, 0x03, 0x10, 0x11, 0x12, 0x13, 0x18, 0x19, 0x1A, 0x1B, 0x28, 0x29, 0x2A, 0x2B, 0x38, 0x39,
        0x3A, 0x3B, 0xFE, 0xF6, 0xF7
    };

    private final SplittableRandom random;
    private final Operands operands;
    private final Decoder decoder = new Decoder();
    private final byte[] scratch = new byte[64];

    // Of the instruction under construction
    private CodeMode mode = CodeMode.BITS_64;
    private int length;
    private int displacementAt;
    private int displacementSize;

    /** Whether an opcode after 0F 38 or 0F 3A is one on vector registers, with VEX. */
    static boolean isVectorOpcode(int opcode) {
        return contains(opcode >> 8 == 2 ? VECTOR_0F38 : VECTOR_0F3A, opcode & 0xFF);
    }

    static boolean isGeneralVexOpcode(int opcode) {
        return contains(WITH_VEX, opcode);
    }

    private static boolean contains(int[] of, int value) {
        for (int each : of) if (each == value) return true;
        return false;
    }

    /** Makes one whose cases follow from a seed. */
    public UserCaseGenerator(long seed) {
        random = new SplittableRandom(seed);
        operands = new Operands(seed ^ 0x5DEECE66DL);
    }

    /** Fills a batch; what of each outcome is to be compared goes to {@code expectations}. */
    public void fill(CaseBatch batch, Expectation[] expectations) {
        for (int i = 0; i < batch.memory.length; i += Long.BYTES) Words.put(batch.memory, i, word());
        // XRSTOR and FXRSTOR find an MXCSR that can be
        for (int i = 24; i < batch.memory.length; i += 64) Words.put(batch.memory, i, random.nextInt() & 0xFFFF);
        for (int i = 0; i < batch.size(); i++) expectations[i] = make(batch.get(i));
    }

    private boolean chance(int percent) {
        return random.nextInt(100) < percent;
    }

    private int any(int[] of) {
        return of[random.nextInt(of.length)];
    }

    private long word() {
        return switch (random.nextInt(6)) {
            case 0 -> operands.packed();
            case 1 -> operands.float64();
            case 2 -> operands.floats32();
            case 3 -> random.nextInt(256);
            case 4 -> random.nextInt();
            default -> random.nextLong();
        };
    }

    private long value() {
        return switch (random.nextInt(5)) {
            case 0 -> operands.packed();
            case 1 -> random.nextInt();
            case 2 -> random.nextInt(0x200) - 0x100;
            case 3 -> 1L << random.nextInt(64);
            default -> random.nextLong();
        };
    }

    // A case

    private Expectation make(Case c) {
        while (true) {
            int which = random.nextInt(10);
            mode = which < 5 ? CodeMode.BITS_64 : which < 8 ? CodeMode.BITS_32 : CodeMode.BITS_16;
            if (chance(1) && mode != CodeMode.BITS_16) return save(c);
            int before = chance(70) ? 0 : 1 + random.nextInt(MOST_INSTRUCTIONS_BEFORE);
            ByteArrayOutputStream code = new ByteArrayOutputStream();
            for (int i = 0; i < before; i++) {
                int bytes = arithmetic();
                code.write(scratch, 0, bytes);
            }
            build();
            Decoder.Result result = decoder.decode(scratch, 0, length, mode);
            Decoded d = decoder.decoded();
            if (result == Decoder.Result.COMPLETE) length = d.end;
            if (Unclaimed.contains(d, result)) continue;
            boolean disturbed =
                    writesLow(d.base) || (writesLow(d.index) && !isGather(d)) || Special.isNarrowDoubleShift(d);
            if (before > 0 && disturbed) continue;
            int size = code.size() + length;
            if (size > 40) continue;
            Expectation expectation = complete(c, d, result, code, code.size());
            if (expectation != null) return expectation;
        }
    }

    /**
     * FXSAVE, XSAVE, XSAVEOPT or XSAVEC at [RBX], with stores behind it that hide in what
     * processors differ.
     */
    private Expectation save(Case c) {
        length = 0;
        displacementAt = -1;
        if (mode == CodeMode.BITS_64 && chance(50)) emit(0x48);
        emit(0x0F);
        int which = random.nextInt(4);
        emit(which == 3 ? 0xC7 : 0xAE);
        emit(0x03 | new int[] {0, 4, 6, 4}[which] << 3);
        int size = length;
        emit(0x66);
        store(6, 2);
        for (int pointer = 8; pointer < 24; pointer += 4) store(pointer, 4);
        store(28, 4); // MXCSR_MASK
        if (which != 0) store(512, 4);
        Decoder.Result result = decoder.decode(scratch, 0, size, mode);
        Expectation expectation = complete(c, decoder.decoded(), result, new ByteArrayOutputStream(), 0);
        return expectation != null ? expectation : make(c);
    }

    /** MOV [RBX + offset], 0. */
    private void store(int offset, int bytes) {
        boolean near = offset < 128;
        emit(0xC7);
        emit(near ? 0x43 : 0x83);
        for (int i = 0; i < (near ? 1 : 4); i++) emit(offset >> (i * 8));
        for (int i = 0; i < bytes; i++) emit(0);
    }

    private static boolean writesLow(int register) {
        return register >= RAX && register <= RDX;
    }

    /** An instruction on registers RAX, RCX and RDX; answers its length. */
    private int arithmetic() {
        int at = 0;
        if (chance(30)) scratch[at++] = 0x66;
        if (mode == CodeMode.BITS_64 && chance(40)) scratch[at++] = 0x48;
        int opcode = any(DEFINED_ARITHMETIC);
        scratch[at++] = (byte) opcode;
        int reg = opcode == 0xFE ? random.nextInt(2) : opcode >= 0xF6 ? 2 + random.nextInt(2) : random.nextInt(3);
        scratch[at++] = (byte) (0xC0 | reg << 3 | random.nextInt(3));
        return at;
    }

    /** Puts an instruction with random operands into {@code scratch}. */
    private void build() {
        length = 0;
        displacementAt = -1;
        if (chance(VECTORS)) {
            vector();
            return;
        }
        int kind = random.nextInt(100);
        boolean vex = kind < 5;
        int map = kind < 5 ? 0 : kind < 39 ? 0 : kind < 52 ? 4 : kind < 78 ? 1 : kind < 92 ? 2 : 3;
        int opcode = switch (map) {
            case 0 -> random.nextInt(256);
            case 1 -> random.nextInt(256);
            case 2 -> chance(92) ? any(WITH_0F38) : random.nextInt(256);
            case 3 -> chance(92) ? any(WITH_0F3A) : random.nextInt(256);
            default -> 0xD8 + random.nextInt(8);
        };
        prefixes(map, vex, isSha(map, opcode));
        if (vex) {
            vex();
        } else {
            if (mode == CodeMode.BITS_64 && chance(45)) emit(0x40 | random.nextInt(16));
            if (map >= 1 && map <= 3) emit(0x0F);
            if (map == 2) emit(0x38);
            if (map == 3) emit(0x3A);
            emit(opcode);
        }
        operand(map == 0 && opcode >= 0xA0 && opcode <= 0xA3 && !vex, random.nextInt(8));
        fillUp();
    }

    /** So many bytes that whatever they turn out to be is whole. */
    private void fillUp() {
        for (int i = 0; i < Decoder.MAX_LENGTH; i++) {
            emit(i > 0 && chance(50) ? scratch[length - 1] : random.nextInt(256));
        }
    }

    private void emit(int value) {
        scratch[length++] = (byte) value;
    }

    private static boolean isSha(int map, int opcode) {
        return (map == 2 && opcode >= 0xC8 && opcode <= 0xCD) || (map == 3 && opcode == 0xCC);
    }

    private void prefixes(int map, boolean vex, boolean sha) {
        if (vex && chance(95)) return;
        int mandatory = switch (map) {
            case 0 -> chance(65) ? 0 : chance(65) ? 0x66 : any(MANDATORY);
            case 4 -> chance(85) ? 0 : any(MANDATORY);
            case 1 -> chance(40) ? 0 : any(MANDATORY);
            default -> chance(80) ? (sha ? 0 : 0x66) : any(MANDATORY);
        };
        if (chance(8)) emit(0x67);
        if (chance(3)) emit(0xF0);
        if (chance(8)) emit(any(LEGACY_PREFIXES));
        if (mandatory != 0) emit(mandatory);
        if (mandatory != 0 && chance(8)) emit(any(MANDATORY) | 0x64);
        if (chance(1)) for (int i = random.nextInt(14); i > 0; i--) emit(any(LEGACY_PREFIXES));
    }

    private void vex() {
        int opcode = any(WITH_VEX);
        int pp = random.nextInt(4);
        int wide = chance(50) ? 0x80 : 0;
        int registers = mode == CodeMode.BITS_64 ? random.nextInt(8) << 5 : 0xE0;
        int vector = opcode == 0x3F0 && chance(80) ? 15 : random.nextInt(16);
        int longer = chance(4) ? 4 : 0;
        emit(0xC4);
        emit(registers | opcode >> 8);
        emit(wide | vector << 3 | longer | pp);
        emit(opcode);
    }

    /** An instruction on vector registers. */
    private void vector() {
        prefixes(0, true, false);
        int which = random.nextInt(100);
        int map = which < 40 ? 1 : which < 80 ? 2 : 3;
        int opcode = map == 1 ? 0x10 + random.nextInt(0xF0) : any(map == 2 ? VECTOR_0F38 : VECTOR_0F3A);
        int pp = map == 1 ? chance(50) ? 1 : random.nextInt(4) : chance(96) ? 1 : random.nextInt(4);
        int wide = chance(30) ? 0x80 : 0;
        int register = chance(55) ? 15 : random.nextInt(16);
        int longer = chance(50) ? 4 : 0;
        boolean is64 = mode == CodeMode.BITS_64;
        if (map == 1 && chance(40)) {
            emit(0xC5);
            emit((is64 && chance(50) ? 0 : 0x80) | (is64 ? register : register | 8) << 3 | longer | pp);
        } else {
            emit(0xC4);
            emit((is64 ? random.nextInt(8) << 5 : 0xC0 | random.nextInt(2) << 5) | map);
            emit(wide | register << 3 | longer | pp);
        }
        emit(opcode);
        boolean gathers = map == 2 && opcode >= 0x90 && opcode <= 0x93;
        operand(false, gathers && chance(95) ? 4 : random.nextInt(8));
        fillUp();
    }

    /** ModR/M and what follows it; for what has none these are other bytes. */
    private void operand(boolean address, int rm) {
        if (address) {
            displacementAt = length;
            displacementSize = mode.addressSize();
            if (length > 1 && contains(0x67)) displacementSize = mode == CodeMode.BITS_32 ? 2 : 4;
            return;
        }
        int mod = chance(45) ? 3 : random.nextInt(3);
        int reg = random.nextInt(8);
        emit(mod << 6 | reg << 3 | rm);
        if (mod == 3) return;
        boolean narrow = mode != CodeMode.BITS_64 && (mode == CodeMode.BITS_16) != contains(0x67);
        displacementSize = mod == 1 ? 1 : mod == 2 ? (narrow ? 2 : 4) : 0;
        if (narrow) {
            if (mod == 0 && rm == 6) displacementSize = 2;
        } else {
            int base = rm;
            if (rm == 4) {
                int sib = random.nextInt(256);
                emit(sib);
                base = sib & 7;
            }
            if (mod == 0 && base == 5) displacementSize = 4;
        }
        displacementAt = length;
        int displacement = chance(50) ? random.nextInt(128) : random.nextInt();
        for (int i = 0; i < displacementSize; i++) emit(displacement >> (i * 8));
    }

    private boolean contains(int prefix) {
        for (int i = 0; i < length; i++) if ((scratch[i] & 0xFF) == prefix) return true;
        return false;
    }

    // Its state

    private @Nullable Expectation complete(
            Case c, Decoded d, Decoder.Result result, ByteArrayOutputStream code, int before) {
        segments(c);
        for (int i = 0; i < 16; i++) {
            long value = value();
            c.register(i, mode == CodeMode.BITS_64 || i >= 8 ? value : value & 0xFFFF_FFFFL);
        }
        c.flags((random.nextInt() & (Expectation.ARITHMETIC | (chance(20) ? 1 << 10 : 0))) | IF | 2);
        long codeAt = UserCaseMachine.CODE + (chance(90) ? 0x100 + random.nextInt(0xD00) : PAGE - random.nextInt(16));
        c.rip(codeAt - base(c, Case.CS));
        pointers(c);
        long target = target();
        boolean string = isString(d);
        if (string) strings(c);
        boolean inMemory = result == Decoder.Result.COMPLETE && d.mod != 3;
        boolean reaches = inMemory && reach(c, d, target, codeAt + before + length - base(c, Case.CS));
        if (inMemory && !isAsBefore(d)) return null;
        code.write(scratch, 0, length);
        Special.adjust(c, d, random, SELECTORS);
        long place = place(c, d, reaches, target);
        byte[] operand = new byte[Case.MOST_BYTES];
        for (int i = 0; i < operand.length; i += Long.BYTES) Words.put(operand, i, word());
        if (d.opcode >= 0xD8 && d.opcode <= 0xDF && chance(50)) extended(operand, 0);
        Special.adjustOperand(operand, c, d, random, SELECTORS);
        c.operand(place, operand);
        c.code(codeAt, code.toByteArray());
        byte[] image = floatingPoint();
        for (int i = 0; i < 32; i++) c.ymm(i, chance(10) ? 0 : word());
        if (isGather(d) && d.index >= 0) smallIndexes(c, image, d);
        c.fxsave(image);
        return Expectation.of(d, result, before);
    }

    private void segments(Case c) {
        c.wide(mode == CodeMode.BITS_64);
        c.bases(0, 0);
        for (int i = 0; i < 6; i++) c.selector(i, 0);
        switch (mode) {
            case BITS_64 -> {
                c.selector(Case.CS, UserCaseMachine.CODE_64);
                c.selector(Case.SS, UserCaseMachine.DATA_32);
                c.bases(UserCaseMachine.DATA - random.nextInt(0x4000), UserCaseMachine.DATA - random.nextInt(0x4000));
            }
            case BITS_32 -> {
                boolean flat = chance(75);
                c.selector(Case.CS, flat ? UserCaseMachine.CODE_32 : UserCaseMachine.LDT_CODE_32);
                c.selector(Case.SS, chance(85) ? UserCaseMachine.DATA_32 : UserCaseMachine.LDT_DATA_16);
                otherSegments(c, UserCaseMachine.DATA_32);
            }
            default -> {
                c.selector(Case.CS, UserCaseMachine.LDT_CODE_16);
                c.selector(Case.SS, chance(80) ? UserCaseMachine.LDT_DATA_16 : UserCaseMachine.DATA_32);
                otherSegments(c, UserCaseMachine.LDT_DATA_16);
            }
        }
    }

    private void otherSegments(Case c, int usual) {
        int[] choice = {
            usual,
            usual,
            usual,
            UserCaseMachine.LDT_DATA_16,
            UserCaseMachine.LDT_READ_ONLY,
            UserCaseMachine.LDT_EXPAND_DOWN,
            0,
            UserCaseMachine.CODE_32,
            UserCaseMachine.LDT_CODE_16
        };
        c.selector(Case.DS, chance(80) ? usual : any(choice));
        c.selector(Case.ES, chance(80) ? usual : any(choice));
        c.selector(Case.FS, any(choice));
        c.selector(Case.GS, any(choice));
    }

    /** Base of a segment outside of 64-bit mode, and of CS. */
    private static long base(Case c, int segment) {
        return switch (c.selector(segment)) {
            case UserCaseMachine.LDT_CODE_16, UserCaseMachine.LDT_CODE_32 -> UserCaseMachine.CODE;
            case UserCaseMachine.LDT_DATA_16, UserCaseMachine.LDT_READ_ONLY, UserCaseMachine.LDT_EXPAND_DOWN ->
                UserCaseMachine.DATA;
            default -> 0;
        };
    }

    private void pointers(Case c) {
        long base = mode == CodeMode.BITS_64 ? 0 : base(c, Case.SS);
        long stack = UserCaseMachine.STACK
                + switch (random.nextInt(12)) {
                    case 0 -> random.nextInt(64);
                    case 1 -> PAGE - random.nextInt(64);
                    case 2 -> random.nextInt(PAGE);
                    default -> 0x800 + random.nextInt(32) * 8;
                };
        c.register(RSP, stack - base);
        c.register(
                RBP, UserCaseMachine.STACK + (chance(90) ? 0xA00 + random.nextInt(64) : random.nextInt(PAGE)) - base);
        if (chance(2) && mode == CodeMode.BITS_64) c.register(RSP, value());
    }

    private void strings(Case c) {
        boolean wide = mode == CodeMode.BITS_64;
        c.register(RSI, target() - (wide ? 0 : base(c, Case.DS)));
        c.register(RDI, target() - (wide ? 0 : base(c, Case.ES)));
        if (chance(85)) c.register(RCX, random.nextInt(40));
        if (chance(10)) c.register(RDI, c.register(RSI) + random.nextInt(16));
    }

    private static boolean isString(Decoded d) {
        return (d.opcode >= 0xA4 && d.opcode <= 0xAF && d.opcode != 0xA8 && d.opcode != 0xA9)
                || (d.opcode >= 0x6C && d.opcode <= 0x6F)
                || d.opcode == 0x1F7;
    }

    /** Where an operand is. */
    private long target() {
        long data = UserCaseMachine.DATA;
        int near = 1 + random.nextInt(16);
        return switch (random.nextInt(40)) {
            case 0, 1, 2, 3 -> data + PAGE - near;
            case 4, 5 -> data + 2 * PAGE - near;
            case 6 -> data + 2 * PAGE + random.nextInt(PAGE);
            case 7 -> data + 3 * PAGE - near + 1;
            case 8 -> data + 3 * PAGE + random.nextInt(PAGE);
            case 9, 10, 11, 12, 13, 14 -> data + random.nextInt(2 * PAGE - 64);
            case 15 -> data + random.nextInt(0x900);
            case 16 -> mode == CodeMode.BITS_64 ? random.nextLong() : Integer.toUnsignedLong(random.nextInt());
            default -> data + random.nextInt(127) * 64L;
        };
    }

    /** Makes the memory operand be at an address, if its form can; answers whether it is. */
    private boolean reach(Case c, Decoded d, long target, long following) {
        long segment = 0;
        if (mode != CodeMode.BITS_64) {
            final int[] order = {Case.ES, Case.CS, Case.SS, Case.DS, Case.FS, Case.GS};
            segment = base(c, order[d.segment]);
        } else if (d.segment == Decoded.FS) {
            segment = c.fsBase();
        } else if (d.segment == Decoded.GS) {
            segment = c.gsBase();
        }
        long mask = d.addressSize == 8 ? -1L : (1L << (d.addressSize * 8)) - 1;
        long wanted = target - segment;
        long index = d.index == Decoded.NONE || isGather(d) ? 0 : c.register(d.index) << d.scale;
        if (d.base >= 0) {
            if (d.base == d.index && !isGather(d)) return false;
            long value = wanted - index - d.displacement & mask;
            c.register(d.base, d.addressSize == 2 ? (c.register(d.base) & ~mask) | value : value);
        } else {
            long base = d.base == Decoded.RIP ? following : 0;
            long displacement = wanted - index - base;
            if (displacementAt < 0) return false;
            for (int i = 0; i < displacementSize; i++) {
                scratch[displacementAt + i] = (byte) (displacement >> (i * 8));
            }
            if (displacementSize < 8 && displacement != (int) displacement && d.addressSize == 8) return false;
        }
        return (wanted & mask) == wanted;
    }

    /** Whether a displacement that was changed was one: other bytes may be an opcode. */
    private boolean isAsBefore(Decoded d) {
        int opcode = d.opcode;
        int end = d.end;
        long immediate = d.immediate;
        Decoder.Result result = decoder.decode(scratch, 0, length, mode);
        return result == Decoder.Result.COMPLETE && d.opcode == opcode && d.end == end && d.immediate == immediate;
    }

    /** Where the operand's bytes are put: nowhere else than in writable memory. */
    private long place(Case c, Decoded d, boolean reaches, long target) {
        if (Special.operandIsOnStack(d)) {
            long top = c.register(RSP) + (mode == CodeMode.BITS_64 ? 0 : base(c, Case.SS));
            if (top >= UserCaseMachine.STACK && top <= UserCaseMachine.STACK + PAGE - Case.MOST_BYTES) return top;
        }
        long place = target + Special.operandOffset(d);
        boolean writable = place >= UserCaseMachine.DATA && place <= UserCaseMachine.DATA + 2 * PAGE - Case.MOST_BYTES;
        if (reaches && writable) return place;
        return UserCaseMachine.DATA + 0x100;
    }

    private static boolean isGather(Decoded d) {
        return d.vex && d.opcode >= 0x290 && d.opcode <= 0x293;
    }

    /** Makes a gather's addresses be near its base, most of the time. */
    private void smallIndexes(Case c, byte[] image, Decoded d) {
        for (int i = 0; i < 4; i++) {
            long high = random.nextLong(40) - 8;
            long low = random.nextLong(40) - 8;
            long index = (d.opcode & 1) == 0 ? high << 32 | (low & 0xFFFF_FFFFL) : low;
            if (chance(2)) index = random.nextLong();
            if (i < 2) Words.put(image, 160 + 16 * d.index + 8 * i, index);
            else c.ymm(2 * d.index + i - 2, index);
        }
    }

    private byte[] floatingPoint() {
        byte[] image = new byte[512];
        int control = chance(60) ? 0x37F : chance(70) ? 0x7F | random.nextInt(16) << 8 : random.nextInt(0x1000) | 0x40;
        int status = random.nextInt(0x10000) & 0x7F00;
        if (chance(20)) status |= random.nextInt(64) & (chance(80) ? control : -1);
        Words.put(image, 0, control | (long) status << 16 | (long) (chance(50) ? 0xFF : random.nextInt(256)) << 32);
        int mxcsr = chance(60)
                ? 0x1F80
                : chance(60) ? 0x1F80 | (random.nextInt(0x10000) & 0xE07F) : random.nextInt(0x10000);
        Words.put(image, 24, mxcsr);
        for (int i = 0; i < 8; i++) extended(image, 32 + 16 * i);
        for (int i = 160; i < 416; i += 8) Words.put(image, i, word());
        return image;
    }

    /** A number of 80 bits. */
    private void extended(byte[] bytes, int at) {
        long significand = switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> word();
            case 2 -> Long.MIN_VALUE;
            case 3 -> Long.MIN_VALUE | operands.fraction(63);
            default -> random.nextLong() | Long.MIN_VALUE;
        };
        int exponent = switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> 0x7FFF;
            case 2 -> random.nextInt(0x8000);
            case 3 -> chance(50) ? random.nextInt(70) : 0x7FFE - random.nextInt(70);
            default -> 0x3FFF + random.nextInt(140) - 70;
        };
        Words.put(bytes, at, significand);
        int sign = random.nextBoolean() ? 0x8000 : 0;
        bytes[at + 8] = (byte) exponent;
        bytes[at + 9] = (byte) (exponent >> 8 | sign >> 8);
    }
}
