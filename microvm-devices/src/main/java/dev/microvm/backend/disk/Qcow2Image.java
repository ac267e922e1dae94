package dev.microvm.backend.disk;

import static dev.microvm.backend.disk.Qcow2Format.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A disk in QEMU's qcow2 format, versions 2 and 3, in any cluster size and refcount width. One call
 * runs at a time.
 *
 * <p>Data moves directly between file and memory. A bounded part of the tables is in memory.
 * {@link #flush} writes their changes, as does an eviction, always in this order: refcounts and
 * data; L2 tables; the L1 table; the refcounts of clusters that are no longer referenced. Each step
 * begins when the previous one is on the medium. Therefore, whenever the process ends, every
 * cluster in use is counted as used. If it ends between two steps, some counted clusters may be
 * unused: {@code qemu-img check} reports them as leaks, as after a kill of QEMU.
 *
 * <p>Not supported: encryption, extended L2 entries and external data files (the image is refused);
 * resizing; making snapshots. Refcounts are never lazy. A cluster that a snapshot shares is copied
 * before it is written.
 *
 * <p>Source: QEMU's {@code docs/interop/qcow2.txt}.
 */
final class Qcow2Image implements BlockBackend {
    /** Largest part of a table that is read or written at once, in bytes. */
    static final int SLICE_SIZE = 4096;

    private static final long SCRATCH_SIZE = 64 * 1024; // bytes
    private static final int ALIGNMENT = 4096; // bytes, for direct I/O

    /** The kind of a guest cluster, according to its L2 entry. */
    private enum Kind {
        /** Not allocated: its content comes from the backing file, or is zero. */
        UNALLOCATED,
        /** Zero, without a cluster of the file. */
        ZERO,
        /** Zero, with a cluster of the file whose content is ignored. */
        ZERO_ALLOCATED,
        COMPRESSED,
        NORMAL
    }

    private final ImageFile file;
    private final Qcow2Header header;
    private final boolean readOnly;
    private final @Nullable BlockBackend backing;
    private final Arena arena = Arena.ofShared();
    private final Cancellation cancellation = new Cancellation();
    private final Qcow2Space space;
    private final Qcow2Refcounts refcounts;
    private final Qcow2Mapping mapping;
    private final MemorySegment scratch;
    private final int clusterBits;
    private final long clusterSize;
    private @Nullable Qcow2Inflater inflater; // once there is something compressed
    private long fileEnd; // or less
    private boolean closed;

    /**
     * Makes the disk. It owns {@code file} and {@code backing}, unless the constructor throws.
     *
     * @param backing content of the clusters that are not allocated; null for zero
     */
    Qcow2Image(ImageFile file, Qcow2Header header, boolean readOnly, @Nullable BlockBackend backing) {
        this.file = file;
        this.header = header;
        this.readOnly = readOnly;
        this.backing = backing;
        clusterBits = header.clusterBits();
        clusterSize = header.clusterSize();
        fileEnd = file.size();
        space = new Qcow2Space(file, header, !readOnly);
        try {
            refcounts = new Qcow2Refcounts(file, header, space, arena, cancellation);
            mapping = new Qcow2Mapping(file, header, space, refcounts, arena, this::writeTables);
            if (!readOnly) checkTables();
            scratch = arena.allocate(SCRATCH_SIZE, ALIGNMENT);
            if (!readOnly) clearAutoclearFeatures();
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /**
     * Checks that no two tables are at the same place. A small file could otherwise have any number
     * of full refcount blocks, and the search for a free cluster would take as long.
     */
    private void checkTables() {
        Qcow2TablePlaces places = new Qcow2TablePlaces(clusterSize);
        refcounts.addBlocks(places);
        mapping.addTables(places);
        long shared = places.shared();
        if (shared != 0) {
            throw space.problem(
                    "two entries of its refcount table or L1 table name the same cluster, 0x%x".formatted(shared)
                            + "; repair it with qemu-img check -r all, or open it read-only");
        }
    }

    /**
     * Clears all autoclear features, because none is supported: the data that they describe becomes
     * outdated ("autoclear_features").
     */
    private void clearAutoclearFeatures() {
        if (header.autoclear() == 0) return;
        scratch.set(BE_LONG, 0, 0);
        file.write(AUTOCLEAR_FEATURES, scratch, 0, Long.BYTES);
    }

    @Override
    public long size() {
        return header.size();
    }

    @Override
    public boolean readOnly() {
        return readOnly;
    }

    @Override
    public int discardUnit() {
        return (int) clusterSize;
    }

    @Override
    public void cancelledBy(BooleanSupplier cancelled) {
        cancellation.by(cancelled);
        if (backing != null) backing.cancelledBy(cancelled);
    }

    // ---- reading

    @Override
    public synchronized void read(long position, MemorySegment to, long offset, long length) {
        Objects.checkFromIndexSize(position, length, header.size());
        for (long done = 0; done < length; ) {
            cancellation.check();
            done += readRun(position + done, to, offset + done, length - done);
        }
    }

    /** Reads from {@code at} as far as one source provides the bytes; returns their number. */
    private long readRun(long at, MemorySegment to, long offset, long left) {
        long entry = mapping.get(at >>> clusterBits);
        Kind kind = kind(entry);
        long inCluster = at & (clusterSize - 1);
        if (kind == Kind.COMPRESSED) {
            long n = Math.min(left, clusterSize - inCluster);
            MemorySegment.copy(unpack(entry), (int) inCluster, to, ValueLayout.JAVA_BYTE, offset, (int) n);
            return n;
        }
        long n = run(at, left, kind, entry);
        switch (kind) {
            case NORMAL -> file.read((entry & OFFSET_MASK) + inCluster, to, offset, n);
            case UNALLOCATED -> readBacking(at, to, offset, n);
            default -> to.asSlice(offset, n).fill((byte) 0);
        }
        return n;
    }

    /**
     * Returns how many bytes from {@code at}, at most {@code left}, are of one kind and, if they
     * are data, contiguous in the file.
     */
    private long run(long at, long left, Kind kind, long entry) {
        long n = Math.min(left, clusterSize - (at & (clusterSize - 1)));
        long host = entry & OFFSET_MASK;
        while (n < left) {
            long next = mapping.get((at + n) >>> clusterBits);
            if (kind(next) != kind) break;
            host += clusterSize;
            if (kind == Kind.NORMAL && (next & OFFSET_MASK) != host) break;
            n = Math.min(left, n + clusterSize);
        }
        return n;
    }

    private void readBacking(long at, MemorySegment to, long offset, long length) {
        long there = backing == null ? 0 : Math.clamp(backing.size() - at, 0, length);
        if (backing != null && there > 0) backing.read(at, to, offset, there);
        if (there < length) to.asSlice(offset + there, length - there).fill((byte) 0);
    }

    private Kind kind(long entry) {
        if ((entry & COMPRESSED) != 0) return Kind.COMPRESSED;
        long host = entry & OFFSET_MASK;
        if ((host & (clusterSize - 1)) != 0) {
            throw space.corrupt("a cluster of data is at 0x%x".formatted(host));
        }
        if ((entry & ZERO) != 0) {
            if (header.version() < 3) throw space.corrupt("a zero cluster in version 2");
            return host == 0 ? Kind.ZERO : Kind.ZERO_ALLOCATED;
        }
        return host == 0 ? Kind.UNALLOCATED : Kind.NORMAL;
    }

    // ---- compressed clusters: "Compressed Clusters Descriptor"

    private byte[] unpack(long entry) {
        Qcow2Inflater unpacker = inflater;
        if (unpacker == null) {
            unpacker = new Qcow2Inflater(file, header, arena);
            inflater = unpacker;
        }
        return unpacker.unpack(entry, compressedPosition(entry), compressedLength(entry));
    }

    /**
     * Returns the number of position bits of the descriptor. The bits above, up to bit 61, are the
     * number of additional sectors.
     */
    private int positionBits() {
        return 62 - (clusterBits - 8);
    }

    private long compressedPosition(long entry) {
        return entry & ((1L << positionBits()) - 1);
    }

    private int compressedLength(long entry) {
        long sectors = ((entry & ~(COPIED | COMPRESSED)) >>> positionBits()) + 1;
        return (int) (sectors * COMPRESSED_SECTOR - (compressedPosition(entry) & (COMPRESSED_SECTOR - 1)));
    }

    // ---- writing

    @Override
    public synchronized void write(long position, MemorySegment from, long offset, long length) {
        checkWrite(position, length);
        for (long done = 0; done < length; ) {
            makeRoom();
            done += writeRun(position + done, from, offset + done, length - done);
        }
    }

    private void checkWrite(long position, long length) {
        Objects.checkFromIndexSize(position, length, header.size());
        if (readOnly) throw space.problem("it is open for reading only");
        space.checkIntact();
    }

    /** Begins the next step of a request that changes tables. */
    private void makeRoom() {
        cancellation.check();
        if (refcounts.hasGatheredMany()) flush();
    }

    private long writeRun(long at, MemorySegment from, long offset, long left) {
        long entry = mapping.get(at >>> clusterBits);
        if (kind(entry) == Kind.NORMAL && isOwn(entry)) {
            long n = ownRun(at, left, entry);
            long host = (entry & OFFSET_MASK) + (at & (clusterSize - 1));
            space.check(host, n);
            file.write(host, from, offset, n);
            return n;
        }
        mapping.prepare(at >>> clusterBits);
        if (kind(entry) == Kind.ZERO_ALLOCATED && isOwn(entry)) {
            long n = Math.min(left, clusterSize - (at & (clusterSize - 1)));
            space.check(entry & OFFSET_MASK, clusterSize);
            fill(at, from, offset, n, entry & OFFSET_MASK);
            mapping.set(at >>> clusterBits, entry & ~ZERO);
            return n;
        }
        return allocateRun(at, from, offset, left);
    }

    /**
     * Returns whether no other entry refers to the cluster of {@code entry}, so that it may be
     * written in place.
     */
    private boolean isOwn(long entry) {
        return (entry & COPIED) != 0 && isInFile(entry & OFFSET_MASK);
    }

    /**
     * Returns whether the file continues after {@code position}. Bytes beyond its end were never
     * written and read as zero.
     */
    private boolean isInFile(long position) {
        if (position >= fileEnd) fileEnd = file.size();
        return position < fileEnd;
    }

    /** Returns the length of a {@link #run}, limited to clusters that may be written in place. */
    private long ownRun(long at, long left, long entry) {
        long n = Math.min(left, clusterSize - (at & (clusterSize - 1)));
        long expected = entry;
        while (n < left) {
            expected += clusterSize;
            if (mapping.get((at + n) >>> clusterBits) != expected || !isOwn(expected)) break;
            n = Math.min(left, n + clusterSize);
        }
        return n;
    }

    /**
     * Writes to new contiguous clusters, as many as can be allocated; returns the number of bytes.
     */
    private long allocateRun(long at, MemorySegment from, long offset, long left) {
        long cluster = at >>> clusterBits;
        long first = refcounts.allocate(clustersToAllocate(at, left));
        long clusters = refcounts.allocated();
        long n = Math.min(left, (clusters << clusterBits) - (at & (clusterSize - 1)));
        try {
            fill(at, from, offset, n, first << clusterBits);
        } catch (RuntimeException e) {
            refcounts.undo(first, clusters);
            throw e;
        }
        for (long i = 0; i < clusters; i++) {
            replace(cluster + i, (first + i) << clusterBits | COPIED);
        }
        return n;
    }

    /**
     * Returns how many clusters of the same L2 table, from that of {@code at}, a write of
     * {@code left} bytes needs.
     */
    private long clustersToAllocate(long at, long left) {
        long cluster = at >>> clusterBits;
        long last = (at + left - 1) >>> clusterBits;
        long entriesPerTable = clusterSize / ENTRY_SIZE;
        long n = 1;
        while (cluster + n <= last && (cluster + n) % entriesPerTable != 0) {
            long entry = mapping.get(cluster + n);
            Kind kind = kind(entry);
            if ((kind == Kind.NORMAL || kind == Kind.ZERO_ALLOCATED) && isOwn(entry)) break;
            n++;
        }
        return n;
    }

    /**
     * Writes {@code length} bytes for position {@code at} of the disk to clusters at {@code host}.
     * Fills the rest of the clusters with the current content of the disk.
     */
    private void fill(long at, MemorySegment from, long offset, long length, long host) {
        boolean fresh = !isInFile(host);
        long head = at & (clusterSize - 1);
        long tail = -(at + length) & (clusterSize - 1);
        copyOld(at - head, head, host, fresh);
        file.write(host + head, from, offset, length);
        copyOld(at + length, tail, host + head + length, fresh);
    }

    /**
     * Copies the current content of the disk at {@code at} to the file. If {@code fresh}, the
     * target range of the file already reads as zero.
     */
    private void copyOld(long at, long length, long host, boolean fresh) {
        long there = Math.clamp(header.size() - at, 0, length); // the last cluster may go beyond the disk
        boolean zero = there == 0 || isZero(at);
        if (zero && fresh) return;
        for (long done = 0; done < length; ) {
            long n = Math.min(SCRATCH_SIZE, length - done);
            long data = zero ? 0 : Math.clamp(there - done, 0, n);
            if (data > 0) read(at + done, scratch, 0, data);
            scratch.asSlice(data, n - data).fill((byte) 0);
            file.write(host + done, scratch, 0, n);
            done += n;
        }
    }

    /** Returns whether the cluster of {@code at} is known to be zero. */
    private boolean isZero(long at) {
        Kind kind = kind(mapping.get(at >>> clusterBits));
        boolean backed = backing != null && (at & -clusterSize) < backing.size();
        return kind == Kind.ZERO || kind == Kind.ZERO_ALLOCATED || (kind == Kind.UNALLOCATED && !backed);
    }

    /**
     * Replaces the L2 entry of a guest cluster, in a prepared table, and releases the clusters of
     * the old entry.
     */
    private void replace(long cluster, long entry) {
        long old = mapping.get(cluster);
        mapping.set(cluster, entry);
        switch (kind(old)) {
            case NORMAL, ZERO_ALLOCATED -> refcounts.gather((old & OFFSET_MASK) >>> clusterBits, 1);
            case COMPRESSED -> {
                long position = compressedPosition(old);
                long first = position >>> clusterBits;
                refcounts.gather(first, ((position + compressedLength(old) - 1) >>> clusterBits) - first + 1);
            }
            default -> {}
        }
    }

    // ---- discarding and zeroing

    @Override
    public synchronized void discard(long position, long length) {
        checkWrite(position, length);
        if (header.version() < 3 && backing != null) return; // nothing but data could hide the backing file's
        long end = endOfWholeClusters(position + length);
        long at = (position + clusterSize - 1) & -clusterSize;
        while (at < end) {
            makeRoom();
            long cluster = at >>> clusterBits;
            Kind kind = kind(mapping.get(cluster));
            if (kind == Kind.UNALLOCATED) {
                at = mapping.skipUnmapped(cluster) << clusterBits;
            } else if (kind != Kind.ZERO) {
                mapping.prepare(cluster);
                replace(cluster, header.version() < 3 ? 0 : ZERO);
            }
            at = Math.max(at, (cluster + 1) << clusterBits);
        }
    }

    /**
     * Returns the end of the last whole cluster below {@code end}. The last cluster of the disk
     * counts as whole even if it is short.
     */
    private long endOfWholeClusters(long end) {
        return end == header.size() ? end : end & -clusterSize;
    }

    @Override
    public synchronized void writeZeroes(long position, long length, boolean mayUnmap) {
        checkWrite(position, length);
        long end = position + length;
        long wholeEnd = endOfWholeClusters(end);
        long at = position;
        while (at < end) {
            makeRoom();
            long next = Math.min(end, (at | (clusterSize - 1)) + 1);
            boolean whole = (at & (clusterSize - 1)) == 0 && at < wholeEnd;
            if (!isZero(at) && !(whole && zeroCluster(at >>> clusterBits, mayUnmap))) {
                Zeroes.write(this, at, next - at);
            }
            at = next;
            if (backing == null && at < end) {
                at = Math.clamp(mapping.skipUnmapped(at >>> clusterBits) << clusterBits, at, end);
            }
        }
    }

    /** Makes a guest cluster zero by its L2 entry alone; returns false if that is not possible. */
    private boolean zeroCluster(long cluster, boolean mayUnmap) {
        long entry = mapping.get(cluster);
        boolean own = kind(entry) == Kind.NORMAL && isOwn(entry);
        if (header.version() < 3 && (backing != null || (own && !mayUnmap))) return false;
        mapping.prepare(cluster);
        if (own && !mayUnmap) {
            mapping.set(cluster, entry | ZERO);
        } else {
            replace(cluster, header.version() < 3 ? 0 : ZERO);
        }
        return true;
    }

    // ---- flushing

    @Override
    public synchronized void flush() {
        if (readOnly) return;
        writeTables();
        file.sync();
        if (refcounts.hasGathered()) refcounts.releaseGathered();
    }

    /**
     * Writes all changed tables, in an order in which nothing in the file refers to data that is
     * not written yet.
     */
    private void writeTables() {
        space.checkIntact();
        refcounts.write();
        if (!mapping.dirty()) return;
        file.sync();
        mapping.write();
    }

    @Override
    public synchronized void close() {
        if (closed) return;
        closed = true;
        cancellation.by(() -> false);
        try {
            flush();
        } finally {
            if (inflater != null) inflater.close();
            arena.close();
            try {
                file.close();
            } finally {
                if (backing != null) backing.close();
            }
        }
    }
}
