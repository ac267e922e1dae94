package dev.microvm.engine.fpu;

import dev.microvm.engine.softfloat.FloatExceptions;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The x87's state in memory: environments (FNSTENV, FLDENV), whole states (FNSAVE, FRSTOR) and the
 * first 160 bytes of the FXSAVE and XSAVE areas, without MXCSR.
 *
 * <p>Source: Intel SDM vol. 1, figures 8-9 to 8-12, 8.1.10, and table 10-2.
 */
public final class X87Images {
    /** Bytes of an environment of 16-bit operands. */
    public static final int ENVIRONMENT_16 = 14;

    /** Bytes of an environment of 32-bit operands. */
    public static final int ENVIRONMENT_32 = 28;

    /** Bytes of registers after an environment in a whole state. */
    public static final int REGISTERS_SIZE = 80;

    private static final int REGISTER_SIZE = 10;

    // Two-bit tags: figure 8-7.
    private static final int TAG_VALID = 0b00;
    private static final int TAG_ZERO = 0b01;
    private static final int TAG_SPECIAL = 0b10;
    private static final int TAG_EMPTY = 0b11;

    // FXSAVE.
    private static final int FX_CONTROL = 0;
    private static final int FX_STATUS = 2;
    private static final int FX_TAGS = 4;
    private static final int FX_OPCODE = 6;
    private static final int FX_INSTRUCTION = 8;
    private static final int FX_INSTRUCTION_SELECTOR = 12;
    private static final int FX_OPERAND = 16;
    private static final int FX_OPERAND_SELECTOR = 20;
    private static final int FX_REGISTERS = 32;
    private static final int FX_REGISTER_SIZE = 16;

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** How images hold words of 64 bits. */
    public static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private X87Images() {}

    /** The tag word of two bits a register. */
    public static int tagWord(X87 f) {
        int tags = 0;
        for (int i = 0; i < X87.REGISTERS; i++) tags |= tag(f, i) << (2 * i);
        return tags;
    }

    private static int tag(X87 f, int physical) {
        if ((f.used() & (1 << physical)) == 0) return TAG_EMPTY;
        int signExponent = f.signExponentOfPhysical(physical);
        long significand = f.mmx(physical);
        if (Extended.isZero(signExponent, significand)) return TAG_ZERO;
        int exponent = signExponent & Extended.EXPONENT;
        return exponent == 0 || exponent == Extended.EXPONENT || significand >= 0 ? TAG_SPECIAL : TAG_VALID;
    }

    private static void tagWord(X87 f, int tags) {
        int used = 0;
        for (int i = 0; i < X87.REGISTERS; i++) {
            if (((tags >> (2 * i)) & TAG_EMPTY) != TAG_EMPTY) used |= 1 << i;
        }
        f.used(used);
    }

    // ---- environments

    /**
     * FNSTENV, which then masks all exceptions.
     *
     * @param to 14 or 28 bytes
     * @param wide whether operands are of 32 bits
     * @param real whether in real-address or virtual-8086 mode
     */
    public static void storeEnvironment(X87 f, MemorySegment to, boolean wide, boolean real) {
        int reserved = wide ? 0xffff_0000 : 0; // reads as ones
        put(to, 0, wide, reserved | f.control());
        put(to, 1, wide, reserved | f.status());
        put(to, 2, wide, reserved | tagWord(f));
        int instruction = (int) f.instructionPointer();
        int operand = (int) f.operandPointer();
        if (real) {
            put(to, 3, wide, reserved | (instruction & 0xffff));
            put(to, 4, wide, realHigh(instruction, wide) | f.opcode());
            put(to, 5, wide, reserved | (operand & 0xffff));
            put(to, 6, wide, realHigh(operand, wide));
        } else {
            put(to, 3, wide, instruction);
            put(to, 4, wide, f.instructionSelector() | (f.opcode() << 16));
            put(to, 5, wide, operand);
            put(to, 6, wide, reserved | f.operandSelector());
        }
        f.control(f.control() | FloatExceptions.ALL);
    }

    /** FLDENV: the inverse of {@link #storeEnvironment}. */
    public static void loadEnvironment(X87 f, MemorySegment from, boolean wide, boolean real) {
        f.control(get(from, 0, wide));
        f.status(get(from, 1, wide));
        tagWord(f, get(from, 2, wide));
        int instruction = get(from, 3, wide);
        int second = get(from, 4, wide);
        int operand = get(from, 5, wide);
        int last = get(from, 6, wide);
        if (real) {
            long ip = (instruction & 0xffff) | fromRealHigh(second, wide);
            f.note(second, 0, ip, 0, (operand & 0xffff) | fromRealHigh(last, wide));
        } else {
            f.note(second >>> 16, second, Integer.toUnsignedLong(instruction), last, Integer.toUnsignedLong(operand));
        }
    }

    /** Bits 16 and up of a linear address, from bit 12. */
    private static int realHigh(int address, boolean wide) {
        return wide ? (address >>> 16) << 12 : ((address >>> 16) & 0xf) << 12;
    }

    private static long fromRealHigh(int word, boolean wide) {
        return Integer.toUnsignedLong((wide ? (word >>> 12) & 0xffff : (word >>> 12) & 0xf) << 16);
    }

    private static void put(MemorySegment to, int index, boolean wide, int value) {
        if (wide) to.set(INT, 4L * index, value);
        else to.set(SHORT, 2L * index, (short) value);
    }

    private static int get(MemorySegment from, int index, boolean wide) {
        return wide ? from.get(INT, 4L * index) : Short.toUnsignedInt(from.get(SHORT, 2L * index));
    }

    // ---- whole states

    /** FNSAVE, which then initializes: an environment, then ST(0) to ST(7) of ten bytes each. */
    public static void save(X87 f, MemorySegment to, boolean wide, boolean real) {
        storeEnvironment(f, to, wide, real);
        long at = wide ? ENVIRONMENT_32 : ENVIRONMENT_16;
        for (int i = 0; i < X87.REGISTERS; i++, at += REGISTER_SIZE) {
            to.set(LONG, at, f.significand(i));
            to.set(SHORT, at + Long.BYTES, (short) f.signExponent(i));
        }
        f.initialize();
    }

    /** FRSTOR: the inverse of {@link #save}. */
    public static void restore(X87 f, MemorySegment from, boolean wide, boolean real) {
        loadEnvironment(f, from, wide, real);
        int used = f.used();
        long at = wide ? ENVIRONMENT_32 : ENVIRONMENT_16;
        for (int i = 0; i < X87.REGISTERS; i++, at += REGISTER_SIZE) {
            f.set(i, from.get(SHORT, at + Long.BYTES), from.get(LONG, at));
        }
        f.used(used);
    }

    // ---- FXSAVE and XSAVE

    /**
     * The x87's part of FXSAVE: bytes 0 to 23 and 32 to 159.
     *
     * @param wide whether pointers are of 64 bits, as with REX.W, and without selectors
     */
    public static void storeFx(X87 f, MemorySegment to, boolean wide) {
        to.set(SHORT, FX_CONTROL, (short) f.control());
        to.set(SHORT, FX_STATUS, (short) f.status());
        to.set(SHORT, FX_TAGS, (short) f.used());
        to.set(SHORT, FX_OPCODE, (short) f.opcode());
        if (wide) {
            to.set(LONG, FX_INSTRUCTION, f.instructionPointer());
            to.set(LONG, FX_OPERAND, f.operandPointer());
        } else {
            to.set(INT, FX_INSTRUCTION, (int) f.instructionPointer());
            to.set(INT, FX_INSTRUCTION_SELECTOR, f.instructionSelector());
            to.set(INT, FX_OPERAND, (int) f.operandPointer());
            to.set(INT, FX_OPERAND_SELECTOR, f.operandSelector());
        }
        for (int i = 0; i < X87.REGISTERS; i++) {
            long at = FX_REGISTERS + (long) i * FX_REGISTER_SIZE;
            to.set(LONG, at, f.significand(i));
            to.set(LONG, at + Long.BYTES, f.signExponent(i));
        }
    }

    /** The inverse of {@link #storeFx}, for FXRSTOR. */
    public static void loadFx(X87 f, MemorySegment from, boolean wide) {
        f.control(from.get(SHORT, FX_CONTROL));
        f.status(from.get(SHORT, FX_STATUS));
        int opcode = from.get(SHORT, FX_OPCODE);
        if (wide) {
            f.note(opcode, 0, from.get(LONG, FX_INSTRUCTION), 0, from.get(LONG, FX_OPERAND));
        } else {
            f.note(
                    opcode,
                    from.get(SHORT, FX_INSTRUCTION_SELECTOR),
                    Integer.toUnsignedLong(from.get(INT, FX_INSTRUCTION)),
                    from.get(SHORT, FX_OPERAND_SELECTOR),
                    Integer.toUnsignedLong(from.get(INT, FX_OPERAND)));
        }
        for (int i = 0; i < X87.REGISTERS; i++) {
            long at = FX_REGISTERS + (long) i * FX_REGISTER_SIZE;
            f.set(i, from.get(SHORT, at + Long.BYTES), from.get(LONG, at));
        }
        f.used(from.get(SHORT, FX_TAGS));
    }
}
