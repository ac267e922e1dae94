package dev.microvm.engine.oracle;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The state in which a {@link Case} ended, and the exception that ended it: a record as
 * case-oracle.c has it.
 */
public final class Outcome {
    /** Bytes of the record. */
    public static final int SIZE = 976;

    private static final int RIP = 128;
    private static final int FLAGS = 136;
    private static final int SELECTORS = 144;
    private static final int VECTOR = 156;
    private static final int BASES = 160;
    private static final int ERROR = 176;
    private static final int ADDRESS = 184;
    private static final int CHECKSUM = 192;
    static final int FXSAVE = 208;
    private static final int FXSAVE_SIZE = 512;
    private static final int YMM = FXSAVE + FXSAVE_SIZE;

    private final ByteBuffer buffer;

    /** Makes one of a part of a batch. */
    Outcome(byte[] bytes, int offset) {
        buffer = ByteBuffer.wrap(bytes, offset, SIZE).slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    public long register(int number) {
        return buffer.getLong(number * Long.BYTES);
    }

    void register(int number, long value) {
        buffer.putLong(number * Long.BYTES, value);
    }

    public long rip() {
        return buffer.getLong(RIP);
    }

    void rip(long value) {
        buffer.putLong(RIP, value);
    }

    public long flags() {
        return buffer.getLong(FLAGS);
    }

    void flags(long value) {
        buffer.putLong(FLAGS, value);
    }

    /** A segment register, numbered as in {@link Case}. */
    public int selector(int segment) {
        return Short.toUnsignedInt(buffer.getShort(SELECTORS + segment * Short.BYTES));
    }

    void selector(int segment, int value) {
        buffer.putShort(SELECTORS + segment * Short.BYTES, (short) value);
    }

    public int vector() {
        return buffer.getInt(VECTOR);
    }

    void vector(int value) {
        buffer.putInt(VECTOR, value);
    }

    public long fsBase() {
        return buffer.getLong(BASES);
    }

    public long gsBase() {
        return buffer.getLong(BASES + Long.BYTES);
    }

    void bases(long fs, long gs) {
        buffer.putLong(BASES, fs);
        buffer.putLong(BASES + Long.BYTES, gs);
    }

    /** Error code; of exceptions that have none, 0. */
    public long error() {
        return buffer.getLong(ERROR);
    }

    void error(long value) {
        buffer.putLong(ERROR, value);
    }

    /** CR2; of a page fault only. */
    public long address() {
        return buffer.getLong(ADDRESS);
    }

    void address(long value) {
        buffer.putLong(ADDRESS, value);
    }

    /** Of data and stack. */
    public long checksum() {
        return buffer.getLong(CHECKSUM);
    }

    void checksum(long value) {
        buffer.putLong(CHECKSUM, value);
    }

    /** Eight bytes of the floating-point state, as FXSAVE64 has it. */
    public long fx(int offset) {
        return buffer.getLong(FXSAVE + offset);
    }

    void fxsave(byte[] image) {
        buffer.put(FXSAVE, image, 0, FXSAVE_SIZE);
    }

    /** Eight bytes of the upper halves of YMM registers, by their number. */
    public long ymm(int word) {
        return buffer.getLong(YMM + word * Long.BYTES);
    }

    void ymm(byte[] halves) {
        buffer.put(YMM, halves, 0, SIZE - YMM);
    }
}
