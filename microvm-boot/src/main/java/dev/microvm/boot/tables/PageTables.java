package dev.microvm.boot.tables;

import dev.microvm.memory.GuestMemory;
import java.util.Objects;

/**
 * Page tables that map the first 4 GiB to themselves, in pages of 2 MiB.
 *
 * <p>Source: Intel SDM vol. 3A, 4.5 (4-level paging), tables 4-15 to 4-17.
 */
public final class PageTables {
    /** Size in bytes: one table of each upper level, one page directory for each GiB. */
    public static final int SIZE = (2 + 4) * 4096;

    private static final int TABLE_SIZE = 4096; // bytes
    private static final int DIRECTORIES = 4; // each maps 1 GiB
    private static final int ENTRIES = 512; // in each table
    private static final long LARGE_PAGE = 2L << 20; // bytes

    private static final long PRESENT = 1L << 0; // P
    private static final long WRITABLE = 1L << 1; // R/W
    private static final long PAGE_SIZE = 1L << 7; // PS: maps a page instead of a further table

    private PageTables() {}

    /**
     * Writes the tables and returns the value for CR3.
     *
     * @param address guest-physical address of the tables, a multiple of 4 KiB
     */
    public static long writeIdentity(GuestMemory memory, long address) {
        Objects.requireNonNull(memory, "memory");
        memory.slice(address, SIZE).fill((byte) 0);
        long pointers = address + TABLE_SIZE; // page-directory-pointer table
        long directories = pointers + TABLE_SIZE;
        memory.putLong(address, pointers | PRESENT | WRITABLE);
        for (int i = 0; i < DIRECTORIES; i++) {
            memory.putLong(
                    pointers + (long) i * Long.BYTES, (directories + (long) i * TABLE_SIZE) | PRESENT | WRITABLE);
        }
        for (int i = 0; i < DIRECTORIES * ENTRIES; i++) {
            memory.putLong(directories + (long) i * Long.BYTES, (i * LARGE_PAGE) | PRESENT | WRITABLE | PAGE_SIZE);
        }
        return address;
    }
}
