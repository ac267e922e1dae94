package dev.microvm.devices.virtio.balloon;

import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import org.jspecify.annotations.Nullable;

/**
 * Joins adjacent pages that a guest gives up one by one. A driver names pages of one place in
 * order, so that one call to the host can discard them all. Pages outside RAM are ignored. A page
 * that occurs twice is discarded twice.
 */
final class PageRun {
    private static final long PAGE_SIZE = GuestMemoryRegion.PAGE_SIZE; // of the guest

    private final GuestMemory memory;
    private final MemoryDiscard discard;
    private @Nullable GuestMemoryRegion region; // that the run is in
    private long start; // guest-physical
    private long end;

    PageRun(GuestMemory memory, MemoryDiscard discard) {
        this.memory = memory;
        this.discard = discard;
    }

    /** Adds the page at {@code gpa}, a multiple of its size. */
    void add(long gpa) {
        if (!memory.contains(gpa, PAGE_SIZE)) return;
        GuestMemoryRegion of = memory.regionOf(gpa, PAGE_SIZE);
        if (of.readOnly()) return;
        boolean same = region != null && region.base() == of.base();
        if (same && gpa == end) {
            end += PAGE_SIZE;
        } else if (same && gpa + PAGE_SIZE == start) {
            start = gpa;
        } else {
            flush();
            region = of;
            start = gpa;
            end = gpa + PAGE_SIZE;
        }
    }

    /** Discards the pages that were added. */
    void flush() {
        if (region != null) discard.discard(region.segment(), start - region.base(), end - start);
        region = null;
    }
}
