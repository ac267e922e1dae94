package dev.microvm.engine.oracle;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A few instructions and the state they start in: a record of {@link #SIZE} bytes, as case-oracle.c
 * has it.
 */
public final class Case {
    /** Bytes of the record. */
    public static final int SIZE = 1104;

    /** Bytes of code and of operand there may be. */
    public static final int MOST_BYTES = 64;

    private static final int RIP = 128;
    private static final int FLAGS = 136;
    private static final int SELECTORS = 144;
    private static final int WIDE = 156;
    private static final int BASES = 160;
    private static final int PLACE = 176;
    private static final int CODE_AT = 184;
    private static final int PLACE_SIZE = 192;
    private static final int CODE_SIZE = 196;
    private static final int OPERAND = 200;
    private static final int CODE = 264;
    private static final int FXSAVE = 336;
    private static final int FXSAVE_SIZE = 512;
    private static final int YMM = FXSAVE + FXSAVE_SIZE;

    /** Order of selectors. */
    public static final int CS = 0;

    public static final int DS = 1;
    public static final int ES = 2;
    public static final int FS = 3;
    public static final int GS = 4;
    public static final int SS = 5;

    private final ByteBuffer buffer;

    /** Makes one of a part of a batch. */
    Case(byte[] bytes, int offset) {
        buffer = ByteBuffer.wrap(bytes, offset, SIZE).slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** A general register, as numbered in instructions. */
    public long register(int number) {
        return buffer.getLong(number * Long.BYTES);
    }

    public void register(int number, long value) {
        buffer.putLong(number * Long.BYTES, value);
    }

    public long rip() {
        return buffer.getLong(RIP);
    }

    public void rip(long value) {
        buffer.putLong(RIP, value);
    }

    public long flags() {
        return buffer.getLong(FLAGS);
    }

    public void flags(long value) {
        buffer.putLong(FLAGS, value);
    }

    public int selector(int segment) {
        return Short.toUnsignedInt(buffer.getShort(SELECTORS + segment * Short.BYTES));
    }

    public void selector(int segment, int value) {
        buffer.putShort(SELECTORS + segment * Short.BYTES, (short) value);
    }

    /** Whether it is of 64-bit mode, in which FS and GS have these bases. */
    public boolean wide() {
        return buffer.getInt(WIDE) != 0;
    }

    public void wide(boolean value) {
        buffer.putInt(WIDE, value ? 1 : 0);
    }

    public long fsBase() {
        return buffer.getLong(BASES);
    }

    public long gsBase() {
        return buffer.getLong(BASES + Long.BYTES);
    }

    public void bases(long fs, long gs) {
        buffer.putLong(BASES, fs);
        buffer.putLong(BASES + Long.BYTES, gs);
    }

    /** Linear address of the operand. */
    public long place() {
        return buffer.getLong(PLACE);
    }

    /** Puts bytes at an address before it runs. */
    public void operand(long place, byte[] bytes) {
        buffer.putLong(PLACE, place);
        buffer.putInt(PLACE_SIZE, bytes.length);
        buffer.put(OPERAND, bytes);
    }

    public byte[] operand() {
        byte[] bytes = new byte[buffer.getInt(PLACE_SIZE)];
        buffer.get(OPERAND, bytes);
        return bytes;
    }

    /** Linear address of the code. */
    public long codeAt() {
        return buffer.getLong(CODE_AT);
    }

    public void code(long at, byte[] bytes) {
        buffer.putLong(CODE_AT, at);
        buffer.putInt(CODE_SIZE, bytes.length);
        buffer.put(CODE, bytes);
    }

    public byte[] code() {
        byte[] bytes = new byte[buffer.getInt(CODE_SIZE)];
        buffer.get(CODE, bytes);
        return bytes;
    }

    /** Floating-point state as FXSAVE64 has it. */
    public byte[] fxsave() {
        byte[] bytes = new byte[FXSAVE_SIZE];
        buffer.get(FXSAVE, bytes);
        return bytes;
    }

    public void fxsave(byte[] image) {
        buffer.put(FXSAVE, image);
    }

    /** Eight bytes of the upper halves of YMM registers, by their number. */
    public long ymm(int word) {
        return buffer.getLong(YMM + word * Long.BYTES);
    }

    public void ymm(int word, long value) {
        buffer.putLong(YMM + word * Long.BYTES, value);
    }
}
