package dev.microvm.compress;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** What the parts of the zstd decompressor share. */
final class Zstd {
    /** The format's name. */
    static final String FORMAT = "zstd";

    /** The most that one block unpacks to, in bytes: RFC 8878, 3.1.1.2.4. */
    static final int MAX_BLOCK_SIZE = 128 * 1024;

    // Little-endian numbers; an index outside the array throws IndexOutOfBoundsException.
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private Zstd() {}

    /** The error of a frame that is not intact. */
    static CompressionException corrupt(String found) {
        return new CompressionException(FORMAT, found);
    }

    static int getUnsignedShort(byte[] bytes, int index) {
        return Short.toUnsignedInt((short) SHORT.get(bytes, index));
    }

    static int getInt(byte[] bytes, int index) {
        return (int) INT.get(bytes, index);
    }

    static long getLong(byte[] bytes, int index) {
        return (long) LONG.get(bytes, index);
    }

    /** The number of the highest set bit of {@code value}, which is above 0. */
    static int highestBit(int value) {
        return Integer.SIZE - 1 - Integer.numberOfLeadingZeros(value);
    }
}
