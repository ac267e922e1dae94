package dev.microvm.backend.disk;

import static dev.microvm.backend.disk.Qcow2Format.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Maps guest clusters to positions in a qcow2 file, by the L1 table and the L2 tables. Keeps a part
 * of the L2 tables in memory.
 */
final class Qcow2Mapping {
    private static final long MAX_CACHE_SIZE = 4 << 20; // bytes: for 32 GiB of clusters of 64 KiB
    private static final long COPY_SIZE = 64 * 1024; // bytes

    private final ImageFile file;
    private final Qcow2Header header;
    private final Qcow2Space space;
    private final Qcow2Refcounts refcounts;
    private final int clusterBits;
    private final int l2Bits; // 2^l2Bits entries in an L2 table
    private final Qcow2Table l1;
    private final Qcow2Cache cache;

    /**
     * Reads the L1 table.
     *
     * @param writeBack writes all tables of the image, in order
     */
    Qcow2Mapping(
            ImageFile file,
            Qcow2Header header,
            Qcow2Space space,
            Qcow2Refcounts refcounts,
            Arena arena,
            Runnable writeBack) {
        this.file = file;
        this.header = header;
        this.space = space;
        this.refcounts = refcounts;
        clusterBits = header.clusterBits();
        l2Bits = clusterBits - Integer.numberOfTrailingZeros(ENTRY_SIZE);
        l1 = Qcow2Table.load(file, header.l1Offset(), header.l1Size(), arena);
        space.l1(l1);
        int slice = (int) Math.min(header.clusterSize(), Qcow2Image.SLICE_SIZE);
        long all = header.clusters() * ENTRY_SIZE;
        cache = new Qcow2Cache(file, slice, Math.min(all, MAX_CACHE_SIZE), arena, writeBack);
    }

    /** Adds the places of all L2 tables. */
    void addTables(Qcow2TablePlaces places) {
        for (long i = 0; i < l1.entries(); i++) {
            places.add(l1.get(i) & OFFSET_MASK);
        }
    }

    /** Returns the L2 entry of a guest cluster; 0 if it has no L2 table. */
    long get(long cluster) {
        long table = tablePosition(cluster);
        if (table == 0) return 0;
        return cache.memory().get(BE_LONG, cache.load(entryPosition(table, cluster)));
    }

    /**
     * Returns {@code cluster} if it has an L2 table; otherwise the next cluster that may have one.
     */
    long skipUnmapped(long cluster) {
        return tablePosition(cluster) == 0 ? ((cluster >>> l2Bits) + 1) << l2Bits : cluster;
    }

    /** Makes sure that a guest cluster has an L2 table that is not shared with a snapshot. */
    void prepare(long cluster) {
        long old = tablePosition(cluster);
        boolean own = (l1.get(cluster >>> l2Bits) & COPIED) != 0;
        if (old != 0 && own) {
            space.check(old, header.clusterSize());
            return;
        }
        long host = refcounts.allocate(1);
        long position = host << clusterBits;
        cache.forget(position, header.clusterSize());
        try {
            if (old == 0) {
                Zeroes.write(file, position, header.clusterSize());
            } else {
                copy(old, position);
            }
        } catch (RuntimeException e) {
            refcounts.undo(host, 1);
            throw e;
        }
        l1.set(cluster >>> l2Bits, position | COPIED);
        if (old != 0) refcounts.gather(old >>> clusterBits, 1);
    }

    private void copy(long from, long to) {
        try (Arena scratch = Arena.ofConfined()) {
            long chunk = Math.min(COPY_SIZE, header.clusterSize());
            MemorySegment buffer = scratch.allocate(chunk, Long.BYTES);
            for (long done = 0; done < header.clusterSize(); done += chunk) {
                file.read(from + done, buffer, 0, chunk);
                file.write(to + done, buffer, 0, chunk);
            }
        }
    }

    /** Changes the L2 entry of a guest cluster whose table was {@link #prepare prepared}. */
    void set(long cluster, long entry) {
        long at = cache.load(entryPosition(tablePosition(cluster), cluster));
        cache.memory().set(BE_LONG, at, entry);
        cache.changed(at);
    }

    private long tablePosition(long cluster) {
        long index = cluster >>> l2Bits;
        long position = l1.get(index) & OFFSET_MASK;
        if ((position & (header.clusterSize() - 1)) != 0) {
            throw space.corrupt("L2 table %d is at 0x%x".formatted(index, position));
        }
        return position;
    }

    private long entryPosition(long table, long cluster) {
        return table + (cluster & ((1L << l2Bits) - 1)) * ENTRY_SIZE;
    }

    boolean dirty() {
        return cache.dirty() || l1.dirty();
    }

    /** Writes the changed L2 tables, then the L1 entries that refer to new ones. */
    void write() {
        cache.write();
        if (!l1.dirty()) return;
        file.sync();
        l1.write();
    }
}
