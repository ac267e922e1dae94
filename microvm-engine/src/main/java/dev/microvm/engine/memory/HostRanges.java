package dev.microvm.engine.memory;

import java.util.Arrays;

/**
 * The host addresses that are guests' memory at present, for the checked mode of {@link HostMemory}:
 * any other address that the engine uses is an error of the engine.
 */
final class HostRanges {
    /** Whether each access is checked. The JIT compilers drop the checks where it is not. */
    static final boolean CHECKED = Boolean.getBoolean("microvm.checked");

    private static volatile long[] ranges = {}; // begin and end of each, of all machines

    private HostRanges() {}

    /** Adds a range; the same may be there several times. */
    static synchronized void add(long from, long size) {
        if (!CHECKED) return;
        long[] more = Arrays.copyOf(ranges, ranges.length + 2);
        more[ranges.length] = from;
        more[ranges.length + 1] = from + size;
        ranges = more;
    }

    /** Takes a range away, once. */
    static synchronized void remove(long from, long size) {
        long[] before = ranges;
        for (int i = 0; i < before.length; i += 2) {
            if (before[i] != from || before[i + 1] != from + size) continue;
            long[] fewer = Arrays.copyOf(before, before.length - 2);
            System.arraycopy(before, i + 2, fewer, i, fewer.length - i);
            ranges = fewer;
            return;
        }
    }

    /**
     * Makes sure that an access is to guests' memory.
     *
     * @throws IllegalStateException if not
     */
    static void check(long address, long size) {
        long[] all = ranges;
        for (int i = 0; i < all.length; i += 2) {
            if (address >= all[i] && size <= all[i + 1] - address) return;
        }
        throw new IllegalStateException(
                "the engine used %d bytes at host address 0x%x, which are no guest's memory".formatted(size, address));
    }
}
