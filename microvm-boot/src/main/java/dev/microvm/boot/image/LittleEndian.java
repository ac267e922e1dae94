package dev.microvm.boot.image;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Reads little-endian numbers from arrays. An index outside the array throws {@link
 * IndexOutOfBoundsException}.
 */
final class LittleEndian {
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private LittleEndian() {}

    static int getUnsignedShort(byte[] bytes, int index) {
        return Short.toUnsignedInt((short) SHORT.get(bytes, index));
    }

    static int getInt(byte[] bytes, int index) {
        return (int) INT.get(bytes, index);
    }

    static long getUnsignedInt(byte[] bytes, int index) {
        return Integer.toUnsignedLong(getInt(bytes, index));
    }

    static long getLong(byte[] bytes, int index) {
        return (long) LONG.get(bytes, index);
    }
}
