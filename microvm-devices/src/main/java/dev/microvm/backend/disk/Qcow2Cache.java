package dev.microvm.backend.disk;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Caches slices of tables that are too large for memory: L2 tables, refcount blocks. The number of
 * slices is bounded. A set of a few slices shares a place; the least recently used one of a set is
 * evicted. A hit allocates nothing.
 */
final class Qcow2Cache {
    private static final int WAYS = 8; // slices that share a place
    private static final int ALIGNMENT = 4096; // bytes, for direct I/O
    private static final long NONE = -1;
    private static final long SPREAD = 0x9e37_79b9_7f4a_7c15L; // 2^64 divided by the golden ratio

    private final ImageFile file;
    private final int sliceSize;
    private final int setShift;
    private final Runnable writeBack;
    private final MemorySegment memory;
    private final long[] positions; // in the file
    private final long[] lastUse;
    private final boolean[] dirty;
    private int dirtyCount;
    private long uses;

    /**
     * Makes an empty cache.
     *
     * @param sliceSize size of a slice in bytes, a power of two
     * @param size minimum size of the cache in bytes
     * @param writeBack called when a changed slice must be evicted; must write it
     */
    Qcow2Cache(ImageFile file, int sliceSize, long size, Arena arena, Runnable writeBack) {
        this.file = file;
        this.sliceSize = sliceSize;
        this.writeBack = writeBack;
        long sets = Math.max(2, Long.highestOneBit(Math.max(1, size / sliceSize / WAYS * 2 - 1)));
        setShift = Long.SIZE - Long.numberOfTrailingZeros(sets);
        int slices = Math.toIntExact(sets * WAYS);
        memory = arena.allocate((long) slices * sliceSize, Math.max(ALIGNMENT, sliceSize));
        positions = new long[slices];
        lastUse = new long[slices];
        dirty = new boolean[slices];
        Arrays.fill(positions, NONE);
    }

    /** Returns the memory of all slices; {@link #load} returns positions in it. */
    MemorySegment memory() {
        return memory;
    }

    /**
     * Loads the slice that contains {@code position} of the file.
     *
     * @return the offset of that byte in {@link #memory}, valid until the next slice is loaded
     */
    long load(long position) {
        long start = position & -sliceSize;
        int first = (int) ((start / sliceSize * SPREAD) >>> setShift) * WAYS;
        int slot = first;
        for (int i = first; i < first + WAYS; i++) {
            if (positions[i] == start) {
                lastUse[i] = ++uses;
                return (long) i * sliceSize + (position - start);
            }
            if (lastUse[i] < lastUse[slot]) slot = i;
        }
        if (dirty[slot]) writeBack.run();
        positions[slot] = NONE; // until it is read
        file.read(start, memory, (long) slot * sliceSize, sliceSize);
        positions[slot] = start;
        lastUse[slot] = ++uses;
        return (long) slot * sliceSize + (position - start);
    }

    /** Marks the slice at offset {@code at} of {@link #memory} as changed. */
    void changed(long at) {
        int slot = (int) (at / sliceSize);
        if (!dirty[slot]) {
            dirty[slot] = true;
            dirtyCount++;
        }
    }

    boolean dirty() {
        return dirtyCount > 0;
    }

    /** Writes all changed slices. */
    void write() {
        for (int slot = 0; dirtyCount > 0 && slot < positions.length; slot++) {
            if (!dirty[slot]) continue;
            file.write(positions[slot], memory, (long) slot * sliceSize, sliceSize);
            dirty[slot] = false;
            dirtyCount--;
        }
    }

    /**
     * Drops all slices of {@code [position, position + length)} of the file, even if changed,
     * because the range now belongs to another table.
     */
    void forget(long position, long length) {
        for (int slot = 0; slot < positions.length; slot++) {
            if (positions[slot] == NONE || positions[slot] < position || positions[slot] >= position + length) continue;
            positions[slot] = NONE;
            lastUse[slot] = 0;
            if (dirty[slot]) dirtyCount--;
            dirty[slot] = false;
        }
    }
}
