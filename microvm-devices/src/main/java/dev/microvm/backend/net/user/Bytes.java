package dev.microvm.backend.net.user;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Reads and writes numbers in network order. Offsets are in bytes. An offset outside the array
 * throws {@link IndexOutOfBoundsException}.
 */
final class Bytes {
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN)
            .withInvokeExactBehavior();
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN)
            .withInvokeExactBehavior();
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN)
            .withInvokeExactBehavior();
    private static final int MAC_HIGH_SHIFT = 16;
    private static final int SHORT_MASK = 0xffff;

    private Bytes() {}

    static int getByte(byte[] from, int at) {
        return from[at] & 0xff;
    }

    static int getShort(byte[] from, int at) {
        return Short.toUnsignedInt((short) SHORT.get(from, at));
    }

    static int getInt(byte[] from, int at) {
        return (int) INT.get(from, at);
    }

    static void putByte(byte[] to, int at, int value) {
        to[at] = (byte) value;
    }

    static void putShort(byte[] to, int at, int value) {
        SHORT.set(to, at, (short) value);
    }

    static void putInt(byte[] to, int at, int value) {
        INT.set(to, at, value);
    }

    /** Returns an Ethernet address in the low 48 bits. */
    static long getMac(byte[] from, int at) {
        return (Integer.toUnsignedLong(getInt(from, at)) << MAC_HIGH_SHIFT) | getShort(from, at + Integer.BYTES);
    }

    static void putMac(byte[] to, int at, long mac) {
        putInt(to, at, (int) (mac >>> MAC_HIGH_SHIFT));
        putShort(to, at + Integer.BYTES, (int) mac & SHORT_MASK);
    }

    /**
     * Adds {@code [at, at + length)} to a sum of 16-bit words in one's complement: RFC 1071. An odd
     * last byte counts as the high one of a word.
     *
     * @param sum sum of the preceding words, of an even number of bytes
     */
    static long sum(byte[] from, int at, int length, long sum) {
        long total = sum;
        int end = at + length;
        int i = at;
        // 32 bits at a time: 2^16 + 1 is 1 in one's complement of 16 bits, so the halves may be added later.
        for (; i <= end - Long.BYTES; i += Long.BYTES) {
            long word = (long) LONG.get(from, i);
            total += (word >>> Integer.SIZE) + (word & 0xffff_ffffL);
        }
        for (; i <= end - Short.BYTES; i += Short.BYTES) total += getShort(from, i);
        if (i < end) total += getByte(from, i) << Byte.SIZE;
        return total;
    }

    /** Folds a sum to 16 bits. */
    static int fold(long sum) {
        long folded = (sum >>> Integer.SIZE) + (sum & 0xffff_ffffL);
        while (folded > SHORT_MASK) folded = (folded >>> Short.SIZE) + (folded & SHORT_MASK);
        return (int) folded;
    }

    /** Returns the checksum of a sum: its complement in 16 bits. */
    static int checksum(long sum) {
        return ~fold(sum) & SHORT_MASK;
    }
}
