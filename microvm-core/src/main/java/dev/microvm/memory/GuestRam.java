package dev.microvm.memory;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/**
 * A machine's RAM, open on the host: what a {@link RamBacking} became. The machine that made it frees it.
 *
 * @param segment all of it, page-aligned. Regions are slices of it: a byte's offset in it is its offset in the backing
 * @param sharedFile of {@link RamBacking#shared}: where this and other processes of the user open the same memory, until the
 *     machine is closed; else empty
 */
public record GuestRam(MemorySegment segment, Optional<Path> sharedFile) {
    /** RAM that no other process sees. */
    public GuestRam(MemorySegment segment) {
        this(segment, Optional.empty());
    }

    /** Bytes of RAM. */
    public long size() {
        return segment.byteSize();
    }

    /** Cuts a region of the guest's memory out of the RAM: {@code size} bytes from {@code offset}. */
    public GuestMemoryRegion region(long base, long offset, long size) {
        return new GuestMemoryRegion(base, segment.asSlice(offset, size), /* readOnly= */ false);
    }

    /** The offset in the backing at which a region of this RAM begins. */
    public long offsetOf(GuestMemoryRegion region) {
        long offset = region.segment().address() - segment.address();
        return Objects.checkFromIndexSize(offset, region.size(), size());
    }
}
