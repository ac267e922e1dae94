package dev.microvm.boot.tables;

import dev.microvm.memory.GuestMemory;
import java.util.Objects;

/**
 * The fields of a PC's BIOS data area that kernels read directly: the end of memory below 640 KiB
 * and the start of the extended data area. Kernels look for tables there, or put start-up code of
 * CPUs below.
 *
 * <p>Source: System BIOS for IBM PCs, Compatibles, and EISA Computers, 2nd edition, chapter 3; MP
 * specification 1.4, chapter 4.
 */
public final class BiosDataArea {
    /** Its address in every PC: [0x400, 0x500). */
    public static final long ADDRESS = 0x400;

    private static final int EXTENDED_SEGMENT = 0x0E; // 2 bytes: real-mode segment of the extended data area
    private static final int BASE_MEMORY_SIZE = 0x13; // 2 bytes: KiB

    private static final int PARAGRAPH_SHIFT = 4; // of a segment
    private static final int KIB_SHIFT = 10;

    private BiosDataArea() {}

    /**
     * Writes the fields.
     *
     * @param extended guest-physical address of the extended data area, a multiple of 1 KiB, where
     *     base memory ends
     * @param extendedKib its size in KiB, which is its first byte
     */
    public static void write(GuestMemory memory, long extended, int extendedKib) {
        Objects.requireNonNull(memory, "memory");
        memory.putShort(ADDRESS + EXTENDED_SEGMENT, (int) (extended >> PARAGRAPH_SHIFT));
        memory.putShort(ADDRESS + BASE_MEMORY_SIZE, (int) (extended >> KIB_SHIFT));
        memory.putByte(extended, extendedKib);
    }
}
