package dev.microvm.engine.oracle;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * States of the real processor for {@link NativeOracle}: the structure of its C source, one after
 * the other.
 */
public final class NativeState {
    /** Bytes of a state. */
    public static final int SIZE = 560;

    // The FXSAVE image: Intel SDM vol. 1, table 10-2.
    private static final int FCW = 0;
    private static final int FSW = 2;
    private static final int FTW = 4;
    private static final int MXCSR = 24;
    private static final int ST0 = 32;
    private static final int XMM0 = 160;
    private static final int REGISTER_SIZE = 16;
    private static final int FXSAVE_SIZE = 512;

    private static final int DEFAULT_FCW = 0x37f;
    private static final int DEFAULT_MXCSR = 0x1f80;

    /** General registers, by their place in a state. */
    public static final int RAX = 0;

    public static final int RBX = 1;
    public static final int RCX = 2;
    public static final int RDX = 3;
    private static final int FLAGS = 4;
    private static final int TRAPPED = 5;

    private final byte[] bytes;
    private final ByteBuffer buffer;

    /** As many states, all zero but for the default control words. */
    public NativeState(int count) {
        bytes = new byte[count * SIZE];
        buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        reset();
    }

    public byte[] bytes() {
        return bytes;
    }

    public void reset() {
        Arrays.fill(bytes, (byte) 0);
        for (int at = 0; at < bytes.length; at += SIZE) {
            buffer.putShort(at + FCW, (short) DEFAULT_FCW);
            buffer.putInt(at + MXCSR, DEFAULT_MXCSR);
        }
    }

    public int mxcsr(int state) {
        return buffer.getInt(state * SIZE + MXCSR);
    }

    public void mxcsr(int state, int value) {
        buffer.putInt(state * SIZE + MXCSR, value);
    }

    /** One half of an XMM register: 2n is the low half of XMMn. */
    public long xmm(int state, int half) {
        return buffer.getLong(state * SIZE + XMM0 + half * Long.BYTES);
    }

    public void xmm(int state, int half, long value) {
        buffer.putLong(state * SIZE + XMM0 + half * Long.BYTES, value);
    }

    /** A general register, by {@link #RAX} and so on. */
    public long register(int state, int register) {
        return buffer.getLong(state * SIZE + FXSAVE_SIZE + register * Long.BYTES);
    }

    public void register(int state, int register, long value) {
        buffer.putLong(state * SIZE + FXSAVE_SIZE + register * Long.BYTES, value);
    }

    public int flags(int state) {
        return (int) register(state, FLAGS);
    }

    public boolean trapped(int state) {
        return register(state, TRAPPED) != 0;
    }

    // ---- x87

    public int controlWord(int state) {
        return Short.toUnsignedInt(buffer.getShort(state * SIZE + FCW));
    }

    public void controlWord(int state, int value) {
        buffer.putShort(state * SIZE + FCW, (short) value);
    }

    public int statusWord(int state) {
        return Short.toUnsignedInt(buffer.getShort(state * SIZE + FSW));
    }

    public void statusWord(int state, int value) {
        buffer.putShort(state * SIZE + FSW, (short) value);
    }

    /** The abridged tags: a bit for each physical register that is not empty. */
    public int tags(int state) {
        return Byte.toUnsignedInt(buffer.get(state * SIZE + FTW));
    }

    public void tags(int state, int value) {
        buffer.put(state * SIZE + FTW, (byte) value);
    }

    /** The significand of ST(i), which is also MMi where TOP is 0. */
    public long significand(int state, int i) {
        return buffer.getLong(state * SIZE + ST0 + i * REGISTER_SIZE);
    }

    /** Sign and exponent of ST(i). */
    public int signExponent(int state, int i) {
        return Short.toUnsignedInt(buffer.getShort(state * SIZE + ST0 + i * REGISTER_SIZE + Long.BYTES));
    }

    public void st(int state, int i, int signExponent, long significand) {
        buffer.putLong(state * SIZE + ST0 + i * REGISTER_SIZE, significand);
        buffer.putShort(state * SIZE + ST0 + i * REGISTER_SIZE + Long.BYTES, (short) signExponent);
    }

    /** The whole image, for an instruction's operands in memory or for comparing images. */
    public ByteBuffer image(int state) {
        return buffer.slice(state * SIZE, FXSAVE_SIZE).order(ByteOrder.LITTLE_ENDIAN);
    }
}
