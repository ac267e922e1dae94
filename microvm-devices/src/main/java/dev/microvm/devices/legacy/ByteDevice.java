package dev.microvm.devices.legacy;

import dev.microvm.bus.BusDevice;

/**
 * A device with an 8-bit data bus. As on a PC, a wider access becomes one access per byte, at
 * consecutive offsets, lowest first. Accesses of other vCPUs may come between them.
 */
public interface ByteDevice extends BusDevice {
    /**
     * Reads one byte-wide register.
     *
     * @param offset offset in bytes from the start of the device's range
     * @return the value, 0 to 0xff
     */
    int readByte(int offset);

    /**
     * Writes one byte-wide register.
     *
     * @param offset offset in bytes from the start of the device's range
     * @param value value to write, 0 to 0xff
     */
    void writeByte(int offset, int value);

    /**
     * Returns a device that begins at register {@code offset} of this one, for a chip whose ports
     * are not adjacent.
     *
     * @param offset offset of the first register
     */
    default ByteDevice from(int offset) {
        ByteDevice whole = this;
        return new ByteDevice() {
            @Override
            public int readByte(int at) {
                return whole.readByte(offset + at);
            }

            @Override
            public void writeByte(int at, int value) {
                whole.writeByte(offset + at, value);
            }
        };
    }

    @Override
    default long read(long offset, int size) {
        long value = 0;
        for (int i = 0; i < size; i++) {
            value |= (readByte((int) offset + i) & 0xffL) << (8 * i);
        }
        return value;
    }

    @Override
    default void write(long offset, int size, long value) {
        for (int i = 0; i < size; i++) {
            writeByte((int) offset + i, (int) (value >>> (8 * i)) & 0xff);
        }
    }
}
