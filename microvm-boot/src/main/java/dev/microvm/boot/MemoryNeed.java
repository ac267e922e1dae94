package dev.microvm.boot;

import dev.microvm.memory.GuestMemoryRegion;

/** Says in messages how much memory a guest would need. */
final class MemoryNeed {
    private static final int MIB_SHIFT = 20;

    private MemoryNeed() {}

    /**
     * Returns the remedy for a guest with too little memory below 3 GiB.
     *
     * @param end address at which its RAM must end at least
     */
    static String remedy(long end) {
        if (end > BootLayout.LOW_RAM_MAX) return "that does not fit below 3 GiB, whatever memory the guest has";
        long mib = (end + (1 << MIB_SHIFT) - 1) >> MIB_SHIFT;
        return "give the guest more memory: %d MiB or more".formatted(mib);
    }

    /** Returns the address after {@code size} bytes that begin at the first page from {@code start} on. */
    static long after(long start, long size) {
        return pageFrom(start) + size;
    }

    /** Returns the start of the first page from {@code address} on. */
    static long pageFrom(long address) {
        return (address + GuestMemoryRegion.PAGE_SIZE - 1) & -GuestMemoryRegion.PAGE_SIZE;
    }
}
