package dev.microvm.backend.disk;

import static dev.microvm.backend.disk.Qcow2Format.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Counts the references to the clusters of a qcow2 file, in the refcount table and its blocks.
 *
 * <p>Counts in the file may be too high for a while, but never too low: an allocation is written
 * before the first reference to it, and a cluster is released only when nothing in the file refers
 * to it. Therefore clusters to release are gathered until {@link #releaseGathered}, and are not
 * used again before that.
 */
final class Qcow2Refcounts {
    /** Number of gathered ranges at which the image should be flushed, to bound their memory. */
    private static final int MANY_RANGES = 4096;

    /**
     * Number of gathered clusters at which the image should be flushed, to bound the time of {@link
     * #releaseGathered}: a discard of 1 GiB in clusters of 16 KiB.
     */
    private static final long MANY_CLUSTERS = 1 << 16;

    /** Number of clusters that are released between two looks at whether the request is cancelled. */
    private static final long RELEASE_STEP = 1024;

    /** Number of clusters behind the file's end that may have a refcount: allocated, never written. */
    private static final long MOST_BEYOND_END = 1 << 20;

    private static final long CACHE_SIZE = 512 * 1024; // bytes: for 16 GiB of clusters of 64 KiB, counts of 16 bits

    private final ImageFile file;
    private final Qcow2Space space;
    private final Arena arena;
    private final Cancellation cancellation;
    private final int clusterBits;
    private final int sliceSize; // bytes of a block that are loaded at once
    private final int order; // 2^order bits to a count
    private final int blockBits; // 2^blockBits counts in a block
    private final long lowestBits; // of all counts in a word
    private final Qcow2Cache cache;
    private Qcow2Table table;
    private long firstFree; // no cluster below is free
    private long allocated; // clusters of the last allocation

    // Ranges of clusters to give back: first cluster and count.
    private long[] gathered = new long[64];
    private int gatheredLength;
    private long gatheredClusters;

    Qcow2Refcounts(ImageFile file, Qcow2Header header, Qcow2Space space, Arena arena, Cancellation cancellation) {
        this.file = file;
        this.space = space;
        this.arena = arena;
        this.cancellation = cancellation;
        clusterBits = header.clusterBits();
        order = header.refcountOrder();
        blockBits = clusterBits + 3 - order;
        lowestBits = Long.divideUnsigned(-1L, -1L >>> (Long.SIZE - (1 << order)));
        sliceSize = (int) Math.min(header.clusterSize(), Qcow2Image.SLICE_SIZE);
        cache = new Qcow2Cache(file, sliceSize, CACHE_SIZE, arena, this::writeBlocks);
        long entries = header.refcountTableClusters() * header.clusterSize() / ENTRY_SIZE;
        table = Qcow2Table.load(file, header.refcountTableOffset(), entries, arena);
        space.refcountTable(table);
    }

    /** Adds the places of all refcount blocks. */
    void addBlocks(Qcow2TablePlaces places) {
        for (long i = 0; i < table.entries(); i++) {
            places.add(table.get(i) & BLOCK_OFFSET_MASK);
        }
    }

    // ---- allocation

    /**
     * Allocates contiguous free clusters.
     *
     * @param wanted maximum number of clusters; {@link #allocated} returns the actual number
     * @return the first cluster
     */
    long allocate(long wanted) {
        long cluster = firstFree;
        while (true) {
            cluster = nextFree(cluster);
            long block = cluster >>> blockBits;
            if (block >= table.entries()) {
                growTable();
            } else if (blockPosition(block) == 0) {
                makeBlock(cluster);
            } else {
                break;
            }
        }
        space.check(cluster << clusterBits, 1L << clusterBits);
        long n = 0;
        do {
            setCount(cluster + n, 1);
            n++;
        } while (n < wanted && takeable(cluster + n));
        firstFree = cluster + n;
        allocated = n;
        return cluster;
    }

    long allocated() {
        return allocated;
    }

    /** Releases clusters that were allocated but never referenced. */
    void undo(long first, long n) {
        for (long i = 0; i < n; i++) {
            setCount(first + i, 0);
        }
        firstFree = Math.min(firstFree, first);
    }

    /**
     * Returns the first cluster, from {@code cluster}, that is free or has no refcount block. No
     * cluster between {@link #firstFree} and {@code cluster} may be free. A search that is cancelled
     * continues from where it was.
     */
    private long nextFree(long cluster) {
        long next = cluster;
        long last = (file.size() >>> clusterBits) + MOST_BEYOND_END;
        while (next >>> blockBits < table.entries() && blockPosition(next >>> blockBits) != 0) {
            cancellation.check();
            long sliceEnd = (next | (countsInSlice() - 1)) + 1;
            next = skipUsed(next, sliceEnd);
            firstFree = Math.max(firstFree, next);
            if (next < sliceEnd) break;
            if (next > last) throw space.corrupt("clusters far beyond the file's end have a refcount");
        }
        if (next << clusterBits >= MAX_FILE_SIZE) throw space.problem("it cannot grow beyond 2^56 bytes");
        return next;
    }

    private long countsInSlice() {
        return (long) sliceSize << 3 >>> order;
    }

    /** Returns the first free cluster of {@code [cluster, end)}, whose counts are in one slice, or {@code end}. */
    private long skipUsed(long cluster, long end) {
        long slice = locate(cluster) & -sliceSize;
        long inSlice = countsInSlice() - 1;
        int perWord = Long.SIZE >> order;
        long next = cluster;
        while (next < end) {
            long at = slice + ((next & inSlice) << order >>> 3);
            if ((next & (perWord - 1)) == 0 && areAllUsed(cache.memory().get(ValueLayout.JAVA_LONG, at))) {
                next += perWord;
            } else if (countAt(at, next) != 0) {
                next++;
            } else {
                break;
            }
        }
        return next;
    }

    /** Returns whether no count of a word is 0, by folding the bits of each count into its lowest bit. */
    private boolean areAllUsed(long counts) {
        long folded = counts;
        for (int shift = 1 << order >> 1; shift > 0; shift >>= 1) {
            folded |= folded >>> shift;
        }
        return (folded & lowestBits) == lowestBits;
    }

    private boolean takeable(long cluster) {
        long block = cluster >>> blockBits;
        return block < table.entries()
                && blockPosition(block) != 0
                && count(cluster) == 0
                && space.isFree(cluster << clusterBits, 1L << clusterBits);
    }

    /** Makes the refcount block for {@code cluster} and its neighbours inside that cluster. */
    private void makeBlock(long cluster) {
        long position = cluster << clusterBits;
        space.check(position, 1L << clusterBits);
        cache.forget(position, 1L << clusterBits);
        Zeroes.write(file, position, 1L << clusterBits);
        table.set(cluster >>> blockBits, position);
        setCount(cluster, 1);
        firstFree = Math.max(firstFree, cluster + 1);
    }

    /**
     * Makes a longer refcount table, and the blocks that count it, after all clusters that the
     * current table can count. The file does not refer to them until the header names the new
     * table.
     */
    private void growTable() {
        write();
        long clusterSize = 1L << clusterBits;
        long entriesPerCluster = clusterSize / ENTRY_SIZE;
        long first = table.entries() << blockBits;
        long tableClusters = (table.entries() + table.entries() / 2) / entriesPerCluster + 1;
        long blocks = 1;
        while (blocks << blockBits < blocks + tableClusters) {
            blocks++;
        }
        long end = (first + blocks + tableClusters) << clusterBits;
        if (tableClusters * clusterSize > MAX_REFCOUNT_TABLE_BYTES || end >= MAX_FILE_SIZE) {
            throw space.problem("its refcount table cannot grow beyond %d bytes".formatted(MAX_REFCOUNT_TABLE_BYTES));
        }
        Qcow2Table old = table;
        long position = (first + blocks) << clusterBits;
        Qcow2Table grown = old.grow(position, tableClusters * entriesPerCluster, arena);
        for (long i = 0; i < blocks; i++) {
            grown.set(old.entries() + i, (first + i) << clusterBits);
        }
        cache.forget(first << clusterBits, (blocks + tableClusters) << clusterBits);
        Zeroes.write(file, first << clusterBits, blocks << clusterBits);
        table = grown;
        try {
            for (long i = 0; i < blocks + tableClusters; i++) {
                setCount(first + i, 1);
            }
            writeBlocks();
            grown.write();
            file.sync();
            writeHeader(position, tableClusters);
        } catch (RuntimeException e) {
            table = old;
            cache.forget(first << clusterBits, (blocks + tableClusters) << clusterBits);
            throw e;
        }
        space.refcountTable(grown);
        gather(old.position() >>> clusterBits, old.size() >>> clusterBits);
    }

    private void writeHeader(long position, long clusters) {
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment fields = scratch.allocate(Long.BYTES + Integer.BYTES);
            fields.set(BE_LONG, 0, position);
            fields.set(BE_INT, Long.BYTES, (int) clusters);
            file.write(REFCOUNT_TABLE_OFFSET, fields, 0, fields.byteSize());
        }
    }

    // ---- giving back

    /**
     * Notes that one reference to each of these clusters will disappear when the tables are
     * written.
     */
    void gather(long first, long n) {
        gatheredClusters += n;
        if (gatheredLength >= 2 && gathered[gatheredLength - 2] + gathered[gatheredLength - 1] == first) {
            gathered[gatheredLength - 1] += n;
            return;
        }
        if (gatheredLength == gathered.length) gathered = Arrays.copyOf(gathered, gathered.length * 2);
        gathered[gatheredLength++] = first;
        gathered[gatheredLength++] = n;
    }

    boolean hasGathered() {
        return gatheredLength > 0;
    }

    boolean hasGatheredMany() {
        return gatheredLength >= 2 * MANY_RANGES || gatheredClusters >= MANY_CLUSTERS;
    }

    /**
     * Removes one reference from each gathered cluster, after the tables without them were written.
     * If that is cancelled, the others stay gathered.
     */
    void releaseGathered() {
        while (gatheredLength > 0) {
            cancellation.check();
            long first = gathered[gatheredLength - 2];
            long n = Math.min(RELEASE_STEP, gathered[gatheredLength - 1]);
            forgetGathered(n); // first: if a later step fails, clusters leak, which is better than releasing them twice
            release(first, n);
        }
        writeBlocks();
    }

    /** Takes the first {@code n} clusters out of the last gathered range. */
    private void forgetGathered(long n) {
        gatheredClusters -= n;
        gathered[gatheredLength - 2] += n;
        gathered[gatheredLength - 1] -= n;
        if (gathered[gatheredLength - 1] == 0) gatheredLength -= 2;
    }

    private void release(long first, long n) {
        long free = 0; // how many in a row, before cluster i
        for (long i = 0; i < n; i++) {
            if (release(first + i)) {
                free++;
            } else {
                discard(first + i - free, free);
                free = 0;
            }
        }
        discard(first + n - free, free);
    }

    /** Removes a reference; returns whether it was the last. */
    private boolean release(long cluster) {
        long block = cluster >>> blockBits;
        long count = block < table.entries() && blockPosition(block) != 0 ? count(cluster) : 0;
        if (count == 0) throw space.corrupt("cluster 0x%x is in use, with a refcount of 0".formatted(cluster));
        setCount(cluster, count - 1);
        if (count != 1) return false;
        firstFree = Math.min(firstFree, cluster);
        return true;
    }

    private void discard(long first, long n) {
        if (n > 0) file.discard(first << clusterBits, n << clusterBits);
    }

    // ---- counts

    private long blockPosition(long block) {
        long position = table.get(block) & BLOCK_OFFSET_MASK;
        if ((position & ((1L << clusterBits) - 1)) != 0 || position < 0) {
            throw space.corrupt("refcount block %d is at 0x%x".formatted(block, position));
        }
        return position;
    }

    /**
     * Returns the offset in the cache of the count of {@code cluster}, or of the byte that contains
     * it.
     */
    private long locate(long cluster) {
        long inBlock = cluster & ((1L << blockBits) - 1);
        return cache.load(blockPosition(cluster >>> blockBits) + (inBlock << order >>> 3));
    }

    private long count(long cluster) {
        return countAt(locate(cluster), cluster);
    }

    /** Returns the count of {@code cluster}, which is at offset {@code at} in the cache. */
    private long countAt(long at, long cluster) {
        MemorySegment memory = cache.memory();
        return switch (order) {
            case 3 -> memory.get(ValueLayout.JAVA_BYTE, at) & 0xFF;
            case 4 -> memory.get(BE_SHORT, at) & 0xFFFF;
            case 5 -> memory.get(BE_INT, at) & 0xFFFF_FFFFL;
            case 6 -> memory.get(BE_LONG, at);
            default -> memory.get(ValueLayout.JAVA_BYTE, at) >>> bitInByte(cluster) & (1 << (1 << order)) - 1;
        };
    }

    private void setCount(long cluster, long count) {
        space.check(blockPosition(cluster >>> blockBits), 1L << clusterBits);
        long at = locate(cluster);
        MemorySegment memory = cache.memory();
        switch (order) {
            case 3 -> memory.set(ValueLayout.JAVA_BYTE, at, (byte) count);
            case 4 -> memory.set(BE_SHORT, at, (short) count);
            case 5 -> memory.set(BE_INT, at, (int) count);
            case 6 -> memory.set(BE_LONG, at, count);
            default -> {
                int shift = bitInByte(cluster);
                int others = memory.get(ValueLayout.JAVA_BYTE, at) & ~(((1 << (1 << order)) - 1) << shift);
                memory.set(ValueLayout.JAVA_BYTE, at, (byte) (others | count << shift));
            }
        }
        cache.changed(at);
    }

    /** Returns the lowest bit of a count in its byte; counts below 8 bits start at bit 0. */
    private int bitInByte(long cluster) {
        return (int) (cluster << order) & 7;
    }

    // ---- writing

    /** Writes all changed blocks, then the table entries that refer to new ones. */
    void write() {
        writeBlocks();
        if (!table.dirty()) return;
        file.sync();
        table.write();
    }

    private void writeBlocks() {
        cache.write();
    }
}
