package dev.microvm.memory;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/**
 * A machine's RAM on the host, made from a {@link RamBacking}. The machine that made it frees it.
 *
 * @param segment all RAM, page-aligned. Regions are slices of it; offsets in it are offsets in the
 *     backing
 * @param sharedFile file through which processes of the same user can open the memory until the
 *     machine is closed; empty unless the backing is {@link RamBacking#shared}, or {@link
 *     RamBacking#forkable} on a host that has such files
 */
public record GuestRam(MemorySegment segment, Optional<Path> sharedFile) {
    /** Checks that no component is null. */
    public GuestRam {
        Objects.requireNonNull(segment, "segment");
        Objects.requireNonNull(sharedFile, "sharedFile");
    }

    /** Makes RAM that no other process can open. */
    public GuestRam(MemorySegment segment) {
        this(segment, Optional.empty());
    }

    /** Returns the size of the RAM in bytes. */
    public long size() {
        return segment.byteSize();
    }

    /**
     * Makes the guest memory region at {@code base} from {@code size} bytes of RAM, starting at
     * {@code offset}; throws {@link IndexOutOfBoundsException} if the RAM is too small.
     */
    public GuestMemoryRegion region(long base, long offset, long size) {
        return new GuestMemoryRegion(base, segment.asSlice(offset, size), /* readOnly= */ false);
    }

    /**
     * Returns the offset in the backing at which a region of this RAM begins; throws
     * {@link IndexOutOfBoundsException} for a region of other memory.
     */
    public long offsetOf(GuestMemoryRegion region) {
        Objects.requireNonNull(region, "region");
        long offset = region.segment().address() - segment.address();
        return Objects.checkFromIndexSize(offset, region.size(), size());
    }
}
