package dev.microvm.engine.oracle;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Words of 64 bits in arrays of bytes, little-endian. */
final class Words {
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private Words() {}

    static long get(byte[] bytes, int offset) {
        return (long) WORD.get(bytes, offset);
    }

    static void put(byte[] bytes, int offset, long value) {
        WORD.set(bytes, offset, value);
    }
}
