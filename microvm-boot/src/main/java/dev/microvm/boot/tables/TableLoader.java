package dev.microvm.boot.tables;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Writes the script by which firmware puts tables into memory of its own choice and links them: the
 * file {@code etc/table-loader} of QEMU's fw_cfg, which SeaBIOS, qboot and OVMF read. For one
 * thread.
 *
 * <p>Source: QEMU hw/acpi/bios-linker-loader.c, {@code BiosLinkerLoaderEntry}: entries of one size,
 * little-endian, without padding between fields. Not written: WRITE_POINTER.
 */
final class TableLoader {
    /** The memory into which firmware puts a file. */
    enum Zone {
        /** Any memory below 4 GiB that the operating system does not use. */
        HIGH(1),
        /** [0xf0000, 0x100000), where an operating system looks for root pointers. */
        F_SEGMENT(2);

        private final int code;

        Zone(int code) {
            this.code = code;
        }
    }

    private static final int ENTRY_SIZE = 128; // bytes
    private static final int FILE_NAME_SIZE = 56; // bytes, one of them the zero at the end

    private static final int ALLOCATE = 1;
    private static final int ADD_POINTER = 2;
    private static final int ADD_CHECKSUM = 3;

    private final ByteArrayOutputStream script = new ByteArrayOutputStream();

    /** Loads {@code file} to an address that is a multiple of {@code alignment}, a power of two. */
    TableLoader allocate(String file, int alignment, Zone zone) {
        return add(entry(ALLOCATE).put(name(file)).putInt(alignment).put((byte) zone.code));
    }

    /**
     * Adds the address of {@code target} to the number of {@code size} bytes at {@code offset} in
     * {@code file}.
     */
    TableLoader addPointer(String file, int offset, int size, String target) {
        return add(entry(ADD_POINTER)
                .put(name(file))
                .put(name(target))
                .putInt(offset)
                .put((byte) size));
    }

    /**
     * Sets the byte at {@code offset} in {@code file} so that {@code length} bytes from {@code
     * start} add up to zero.
     */
    TableLoader addChecksum(String file, int offset, int start, int length) {
        return add(
                entry(ADD_CHECKSUM).put(name(file)).putInt(offset).putInt(start).putInt(length));
    }

    /** The script so far. */
    byte[] bytes() {
        return script.toByteArray();
    }

    private TableLoader add(ByteBuffer entry) {
        byte[] bytes = new byte[ENTRY_SIZE];
        entry.get(0, bytes);
        script.writeBytes(bytes);
        return this;
    }

    private static ByteBuffer entry(int command) {
        return ByteBuffer.allocate(ENTRY_SIZE).order(ByteOrder.LITTLE_ENDIAN).putInt(command);
    }

    private static byte[] name(String file) {
        byte[] name = new byte[FILE_NAME_SIZE];
        byte[] characters = file.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(characters, 0, name, 0, characters.length);
        return name;
    }
}
