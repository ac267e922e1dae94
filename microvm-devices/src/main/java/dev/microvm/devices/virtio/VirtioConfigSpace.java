package dev.microvm.devices.virtio;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * The bytes of a device's configuration space, for a device to fill and for a driver to read.
 * Little-endian; called one thing at a time.
 */
public final class VirtioConfigSpace {
    /** No byte. */
    public static final VirtioConfigSpace NONE = new VirtioConfigSpace(0);

    private final ByteBuffer bytes;

    /** Makes {@code size} bytes of zeros. */
    public VirtioConfigSpace(int size) {
        bytes = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** How many bytes there are. */
    public int size() {
        return bytes.capacity();
    }

    /** Sets one byte; returns this. */
    public VirtioConfigSpace putByte(int offset, int value) {
        bytes.put(offset, (byte) value);
        return this;
    }

    /** Sets a 16-bit field; returns this. */
    public VirtioConfigSpace putShort(int offset, int value) {
        bytes.putShort(offset, (short) value);
        return this;
    }

    /** Sets a 32-bit field; returns this. */
    public VirtioConfigSpace putInt(int offset, int value) {
        bytes.putInt(offset, value);
        return this;
    }

    /** Sets a 64-bit field; returns this. */
    public VirtioConfigSpace putLong(int offset, long value) {
        bytes.putLong(offset, value);
        return this;
    }

    /** Sets bytes as they are; returns this. */
    public VirtioConfigSpace putBytes(int offset, byte[] value) {
        Objects.requireNonNull(value, "value");
        bytes.put(offset, value);
        return this;
    }

    /** Sets the low {@code size} bytes of a number: 1, 2, 4 or 8. */
    public void write(int offset, int size, long value) {
        for (int i = 0; i < size; i++) bytes.put(offset + i, (byte) (value >>> (Byte.SIZE * i)));
    }

    /** Reads a number of {@code size} bytes: 1, 2, 4 or 8. */
    public long read(int offset, int size) {
        long value = 0;
        for (int i = 0; i < size; i++) value |= (long) Byte.toUnsignedInt(bytes.get(offset + i)) << (Byte.SIZE * i);
        return value;
    }
}
