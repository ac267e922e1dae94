package dev.microvm.boot;

import java.nio.file.Path;
import java.util.Objects;

/**
 * A checked option ROM in memory, such as QEMU's linuxboot_dma.bin. Any thread may use it.
 *
 * <p>Source: BIOS Boot Specification 1.01, 3.2 (expansion header).
 */
public final class OptionRom {
    private static final long BLOCK = 512; // bytes
    private static final int BLOCKS = 2; // offset of its size in blocks, 1 byte
    private static final long MAX_SIZE = 0xFF * BLOCK;
    private static final String EXPECTED = "an option ROM (begins with 55 aa, then its size in blocks of 512 bytes)";

    private final Path file;
    private final byte[] bytes;

    private OptionRom(Path file, byte[] bytes) {
        this.file = file;
        this.bytes = bytes;
    }

    /**
     * Reads {@code file}.
     *
     * @throws BootException if it cannot be read, or is not an option ROM
     */
    public static OptionRom open(Path file) {
        Objects.requireNonNull(file, "file");
        long size = ImageFiles.requireReadable(file, EXPECTED);
        if (size <= BLOCKS || size > MAX_SIZE) {
            throw new BootException(file.toString(), EXPECTED, "a file of %d bytes".formatted(size));
        }
        byte[] bytes = ImageFiles.read(file, size, EXPECTED);
        int blocks = bytes[BLOCKS] & 0xFF;
        if (bytes[0] != 0x55 || bytes[1] != (byte) 0xAA || blocks == 0 || blocks * BLOCK > size) {
            throw new BootException(
                    file.toString(),
                    EXPECTED,
                    "a file of %d bytes that begins with %02x %02x %02x"
                            .formatted(size, bytes[0], bytes[1], bytes[BLOCKS]));
        }
        return new OptionRom(file, bytes);
    }

    /** Returns the file's name, which is also its name in fw_cfg. */
    public String name() {
        return file.getFileName().toString();
    }

    /** Returns its bytes; leave them unchanged. */
    public byte[] bytes() {
        return bytes;
    }
}
