package dev.microvm.devices.virtio.balloon;

import dev.microvm.devices.virtio.GuestBuffer;
import java.time.Instant;
import java.util.Arrays;
import java.util.Objects;
import java.util.OptionalLong;

/**
 * Memory statistics of a guest: VIRTIO 1.2, section 5.5.6.4. The guest chooses which numbers to
 * report, so any may be missing, and none can be trusted.
 *
 * @param received time at which the host received them, by the host's clock
 * @param swapInBytes bytes swapped in
 * @param swapOutBytes bytes swapped out
 * @param majorFaults number of page faults that waited for a disk
 * @param minorFaults number of page faults that did not
 * @param freeBytes unused memory in bytes
 * @param totalBytes memory in bytes; Linux does not count memory in the balloon, unless the balloon
 *     deflates on OOM
 * @param availableBytes estimate of the bytes that new programs could use without swapping
 * @param cachesBytes bytes that can be reclaimed without disk writes, such as cached files
 * @param hugePageAllocations number of huge pages (hugetlb) that were allocated
 * @param hugePageFailures number of failed allocations of huge pages
 * @param oomKills number of programs that were killed because memory ran out
 * @param allocationStalls number of allocations that had to wait for memory to be reclaimed
 * @param asyncScannedBytes bytes that the guest has looked at to reclaim them, in the background
 * @param directScannedBytes the same, while an allocation waited
 * @param asyncReclaimedBytes bytes that the guest has reclaimed in the background
 * @param directReclaimedBytes the same, while an allocation waited
 */
public record BalloonStatistics(
        Instant received,
        OptionalLong swapInBytes,
        OptionalLong swapOutBytes,
        OptionalLong majorFaults,
        OptionalLong minorFaults,
        OptionalLong freeBytes,
        OptionalLong totalBytes,
        OptionalLong availableBytes,
        OptionalLong cachesBytes,
        OptionalLong hugePageAllocations,
        OptionalLong hugePageFailures,
        OptionalLong oomKills,
        OptionalLong allocationStalls,
        OptionalLong asyncScannedBytes,
        OptionalLong directScannedBytes,
        OptionalLong asyncReclaimedBytes,
        OptionalLong directReclaimedBytes) {
    // struct virtio_balloon_stat: section 5.5.6.3, packed
    private static final int ENTRY_TAG = 0; // le16
    private static final int ENTRY_VALUE = 2; // le64
    private static final int ENTRY_SIZE = 10;

    // Tags: section 5.5.6.3
    private static final int SWAP_IN = 0;
    private static final int SWAP_OUT = 1;
    private static final int MAJFLT = 2;
    private static final int MINFLT = 3;
    private static final int MEMFREE = 4;
    private static final int MEMTOT = 5;
    private static final int AVAIL = 6;
    private static final int CACHES = 7;
    private static final int HTLB_PGALLOC = 8;
    private static final int HTLB_PGFAIL = 9;

    // Tags that are newer than VIRTIO 1.2: include/uapi/linux/virtio_balloon.h of Linux 6.12
    private static final int OOM_KILL = 10;
    private static final int ALLOC_STALL = 11;
    private static final int ASYNC_SCAN = 12;
    private static final int DIRECT_SCAN = 13;
    private static final int ASYNC_RECLAIM = 14;
    private static final int DIRECT_RECLAIM = 15;
    private static final int TAGS = 16;

    private static final int MOST_ENTRIES = 64; // that are looked at

    /** Checks that no component is null. */
    public BalloonStatistics {
        Objects.requireNonNull(received, "received");
        Objects.requireNonNull(swapInBytes, "swapInBytes");
        Objects.requireNonNull(swapOutBytes, "swapOutBytes");
        Objects.requireNonNull(majorFaults, "majorFaults");
        Objects.requireNonNull(minorFaults, "minorFaults");
        Objects.requireNonNull(freeBytes, "freeBytes");
        Objects.requireNonNull(totalBytes, "totalBytes");
        Objects.requireNonNull(availableBytes, "availableBytes");
        Objects.requireNonNull(cachesBytes, "cachesBytes");
        Objects.requireNonNull(hugePageAllocations, "hugePageAllocations");
        Objects.requireNonNull(hugePageFailures, "hugePageFailures");
        Objects.requireNonNull(oomKills, "oomKills");
        Objects.requireNonNull(allocationStalls, "allocationStalls");
        Objects.requireNonNull(asyncScannedBytes, "asyncScannedBytes");
        Objects.requireNonNull(directScannedBytes, "directScannedBytes");
        Objects.requireNonNull(asyncReclaimedBytes, "asyncReclaimedBytes");
        Objects.requireNonNull(directReclaimedBytes, "directReclaimedBytes");
    }

    /** Reads a buffer of the statistics queue. If a tag occurs twice, the last value counts. */
    static BalloonStatistics read(GuestBuffer from, Instant received) {
        OptionalLong[] values = new OptionalLong[TAGS];
        Arrays.fill(values, OptionalLong.empty());
        long entries = Math.min(from.length() / ENTRY_SIZE, MOST_ENTRIES);
        for (long at = 0; at < entries * ENTRY_SIZE; at += ENTRY_SIZE) {
            int tag = from.getShort(at + ENTRY_TAG);
            if (tag < TAGS)
                values[tag] = OptionalLong.of(from.getLong(at + ENTRY_VALUE)); // others are ignored: 5.5.6.3.2
        }
        return new BalloonStatistics(
                received,
                values[SWAP_IN],
                values[SWAP_OUT],
                values[MAJFLT],
                values[MINFLT],
                values[MEMFREE],
                values[MEMTOT],
                values[AVAIL],
                values[CACHES],
                values[HTLB_PGALLOC],
                values[HTLB_PGFAIL],
                values[OOM_KILL],
                values[ALLOC_STALL],
                values[ASYNC_SCAN],
                values[DIRECT_SCAN],
                values[ASYNC_RECLAIM],
                values[DIRECT_RECLAIM]);
    }
}
