package dev.microvm.sandbox.root.erofs;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.TreeMap;

/** Blocks of files that a later layer replaced or removed, for other files. */
final class FreeBlocks {
    static final long NONE = -1;

    private final TreeMap<Long, Deque<Long>> startsByCount = new TreeMap<>();

    void add(long start, long count) {
        if (count > 0)
            startsByCount.computeIfAbsent(count, any -> new ArrayDeque<>()).push(start);
    }

    /** Takes blocks in a row from the smallest gap that has them; returns the first, or NONE. */
    long take(long count) {
        Map.Entry<Long, Deque<Long>> gap = startsByCount.ceilingEntry(count);
        if (gap == null || count == 0) return NONE;
        long start = gap.getValue().pop();
        if (gap.getValue().isEmpty()) startsByCount.remove(gap.getKey());
        add(start + count, gap.getKey() - count);
        return start;
    }
}
