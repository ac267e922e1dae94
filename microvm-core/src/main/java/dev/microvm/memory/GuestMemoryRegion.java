package dev.microvm.memory;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * One contiguous stretch of guest-physical memory and the host memory behind it.
 *
 * @param base first guest-physical address, a multiple of 4 KiB
 * @param segment the host memory behind it, of the region's size; a multiple of 4 KiB
 * @param readOnly whether the guest may only read it (ROM); the host may always write
 */
public record GuestMemoryRegion(long base, MemorySegment segment, boolean readOnly) {
    /** Alignment of regions, the page size in bytes: Intel SDM vol. 3A, 4.3. */
    public static final long PAGE_SIZE = 4096;

    /**
     * Checks that the region is aligned, is not empty and ends below 2^63; throws
     * {@link IllegalArgumentException} if not.
     */
    public GuestMemoryRegion {
        Objects.requireNonNull(segment, "segment");
        long size = segment.byteSize();
        if (base < 0 || base % PAGE_SIZE != 0 || size <= 0 || size % PAGE_SIZE != 0 || base + size < 0) {
            throw new IllegalArgumentException(
                    "guest memory region [0x%x, +0x%x): base and size must be multiples of 4 KiB, size above 0"
                            .formatted(base, size));
        }
    }

    /** Returns the region's size in bytes. */
    public long size() {
        return segment.byteSize();
    }

    /** Returns the first guest-physical address after the region. */
    public long end() {
        return base + size();
    }
}
