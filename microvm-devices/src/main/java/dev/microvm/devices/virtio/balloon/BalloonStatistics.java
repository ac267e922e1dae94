package dev.microvm.devices.virtio.balloon;

import dev.microvm.devices.virtio.GuestBuffer;
import java.time.Instant;
import java.util.Arrays;
import java.util.OptionalLong;

/**
 * What a guest says of its memory: VIRTIO 1.2, section 5.5.6.4. Each number is one that the guest chose to tell, so it may be
 * missing, and need not be true.
 *
 * @param received when the host got it, by the host's clock
 * @param swapInBytes that have been swapped in
 * @param swapOutBytes that have been swapped out
 * @param majorFaults page faults that waited for a disk
 * @param minorFaults page faults that did not
 * @param freeBytes of memory that is not used for anything
 * @param totalBytes of memory; Linux leaves out what is in the balloon, unless it deflates on OOM
 * @param availableBytes that new programs could have without swapping, an estimate
 * @param cachesBytes that can be had back without a disk, such as files read
 * @param hugePageAllocations huge pages (hugetlb) that were allocated
 * @param hugePageFailures huge pages that could not be
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
        OptionalLong hugePageFailures) {
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
    private static final int TAGS = 10;

    private static final int MOST_ENTRIES = 64; // that are looked at; Linux 6.12 has 16

    /** Reads a buffer of the statistics queue; of a tag that comes twice the last counts. */
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
                values[HTLB_PGFAIL]);
    }
}
