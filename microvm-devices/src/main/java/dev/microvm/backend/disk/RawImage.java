package dev.microvm.backend.disk;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;

/**
 * A file or block device with the bytes of a disk. Requests go directly to the file; several run at
 * the same time.
 *
 * <p>If the size is not a multiple of a sector, it is rounded up. Bytes beyond the end of the file
 * read as zero.
 */
final class RawImage implements BlockBackend {
    private static final int DISCARD_UNIT = 4096; // bytes: what most file systems allocate

    private final ImageFile file;
    private final boolean readOnly;
    private final long size;
    private boolean closed;

    private RawImage(ImageFile file, boolean readOnly) {
        this.file = file;
        this.readOnly = readOnly;
        long bytes = file.size();
        size = (bytes + SECTOR_SIZE - 1) & -SECTOR_SIZE;
        if (bytes == 0) {
            throw new BlockException("disk image %s: it is empty; give it a size, for instance with truncate -s 1G"
                    .formatted(file.path()));
        }
        if (!readOnly && bytes % file.alignment() != 0) {
            throw new BlockException(
                    "disk image %s: its size, %d bytes, is not a multiple of %d, as cache=none needs here; use cache=writeback"
                            .formatted(file.path(), bytes, file.alignment()));
        }
    }

    /** Opens an existing image; throws {@link BlockException}. */
    static RawImage open(Path path, boolean readOnly, CacheMode cache) {
        ImageFile file = ImageFile.open(path, !readOnly, cache);
        try {
            return new RawImage(file, readOnly);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** Returns whether the image begins with the magic number of qcow2. */
    boolean looksLikeQcow2() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment start = arena.allocate(SECTOR_SIZE);
            file.read(0, start, 0, SECTOR_SIZE);
            return start.get(Qcow2Format.BE_INT, Qcow2Format.MAGIC) == Qcow2Format.MAGIC_VALUE;
        }
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public boolean readOnly() {
        return readOnly;
    }

    @Override
    public int discardUnit() {
        return DISCARD_UNIT;
    }

    @Override
    public void read(long position, MemorySegment to, long offset, long length) {
        Objects.checkFromIndexSize(position, length, size);
        file.read(position, to, offset, length);
    }

    @Override
    public void write(long position, MemorySegment from, long offset, long length) {
        checkWrite(position, length);
        file.write(position, from, offset, length);
    }

    @Override
    public void flush() {
        if (!readOnly) file.sync();
    }

    @Override
    public void discard(long position, long length) {
        checkWrite(position, length);
        file.discard(position, length);
    }

    @Override
    public void writeZeroes(long position, long length, boolean mayUnmap) {
        checkWrite(position, length);
        file.zero(position, length, mayUnmap);
    }

    private void checkWrite(long position, long length) {
        Objects.checkFromIndexSize(position, length, size);
        if (readOnly) throw new BlockException("disk image " + file.path() + ": it is open for reading only");
    }

    @Override
    public void close() {
        if (closed) return;
        closed = true;
        try {
            flush();
        } finally {
            file.close();
        }
    }
}
