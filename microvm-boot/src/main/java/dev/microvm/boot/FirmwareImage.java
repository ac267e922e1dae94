package dev.microvm.boot;

import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;

/**
 * A checked firmware ROM image in memory, such as qboot.rom or SeaBIOS's bios-microvm.bin. Any
 * thread may use it.
 */
public final class FirmwareImage {
    /** Maximum size of an image, in bytes, as in QEMU hw/i386/pc.c, {@code max_fw_size}. */
    public static final int MAX_SIZE = 8 << 20;

    private static final String EXPECTED =
            "a firmware image of 4 KiB to %d MiB, a multiple of 4 KiB".formatted(MAX_SIZE >> 20);

    private final Path file;
    private final byte[] bytes;

    private FirmwareImage(Path file, byte[] bytes) {
        this.file = file;
        this.bytes = bytes;
    }

    /**
     * Reads {@code file}.
     *
     * @throws BootException if it cannot be read, or is not 4 KiB to 8 MiB in multiples of 4 KiB
     */
    public static FirmwareImage open(Path file) {
        Objects.requireNonNull(file, "file");
        long size = ImageFiles.requireReadable(file, EXPECTED);
        if (size == 0 || size > MAX_SIZE || size % GuestMemoryRegion.PAGE_SIZE != 0) {
            throw new BootException(file.toString(), EXPECTED, size + " bytes");
        }
        return new FirmwareImage(file, ImageFiles.read(file, size, EXPECTED));
    }

    /** Returns the file. */
    public Path file() {
        return file;
    }

    /** Returns its size in bytes. */
    public int size() {
        return bytes.length;
    }

    /** Returns the size of the copy of its end below 1 MiB, in bytes. */
    public int copySize() {
        return Math.min(bytes.length, BootLayout.ROM_COPY_MAX_SIZE);
    }

    /**
     * Writes the ROM so that it ends at 4 GiB, and the copy of its end so that it ends at 1 MiB.
     */
    void load(GuestMemory memory) {
        memory.write(BootLayout.ROM_END - size(), bytes);
        memory.write(BootLayout.HIGH_MEMORY - copySize(), Arrays.copyOfRange(bytes, size() - copySize(), bytes.length));
    }
}
