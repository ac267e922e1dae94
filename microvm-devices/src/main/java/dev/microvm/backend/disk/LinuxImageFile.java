package dev.microvm.backend.disk;

import dev.microvm.linux.Errno;
import dev.microvm.linux.ErrnoException;
import dev.microvm.linux.PositionedFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/**
 * A file of Linux: data moves between it and the caller's memory by pread(2) and pwrite(2).
 *
 * <p>With {@link CacheMode#NONE} what is not aligned as the device wants it goes through a buffer
 * of this object's, under its lock; a write that covers part of a block reads the block first.
 *
 * <p>Locks are those of QEMU, so that machines of either kind and {@code qemu-img} keep out of each
 * other's way: QEMU's {@code block/file-posix.c}, RAW_LOCK_PERM_BASE.
 */
final class LinuxImageFile implements ImageFile {
    // A shared lock on byte PERMISSION + n says "I do n", one on UNSHARED + n says "nobody else may do n".
    private static final long LOCK_PERMISSION = 100;
    private static final long LOCK_UNSHARED = 200;
    // The n, as in enum BLK_PERM_*: include/block/block-common.h
    private static final int CONSISTENT_READ = 0;
    private static final int WRITE = 1;
    private static final int RESIZE = 3;

    private static final List<Long> READER =
            List.of(LOCK_PERMISSION + CONSISTENT_READ, LOCK_UNSHARED + WRITE, LOCK_UNSHARED + RESIZE);
    private static final List<Long> WRITER = List.of(
            LOCK_PERMISSION + CONSISTENT_READ,
            LOCK_PERMISSION + WRITE,
            LOCK_PERMISSION + RESIZE,
            LOCK_UNSHARED + WRITE,
            LOCK_UNSHARED + RESIZE);

    // Locks of others that exclude this one.
    private static final List<Long> AGAINST_READER =
            List.of(LOCK_PERMISSION + WRITE, LOCK_PERMISSION + RESIZE, LOCK_UNSHARED + CONSISTENT_READ);
    private static final List<Long> AGAINST_WRITER = List.of(
            LOCK_PERMISSION + WRITE,
            LOCK_PERMISSION + RESIZE,
            LOCK_UNSHARED + CONSISTENT_READ,
            LOCK_UNSHARED + WRITE,
            LOCK_UNSHARED + RESIZE);

    private static final int SMALL_BLOCK = 512; // bytes, of most disks
    private static final int LARGE_BLOCK = 4096; // bytes, enough for all others
    private static final long BUFFER_SIZE = 256 * 1024; // bytes, a multiple of LARGE_BLOCK

    private final PositionedFile file;
    private final Path path;
    private final int alignment; // 1 if there is none
    private final Arena arena = Arena.ofShared();
    private final MemorySegment buffer; // empty if nothing must be aligned

    private LinuxImageFile(PositionedFile file, Path path, boolean direct) {
        this.file = file;
        this.path = path;
        this.alignment = direct ? probeAlignment() : 1;
        this.buffer = direct ? arena.allocate(BUFFER_SIZE, LARGE_BLOCK) : MemorySegment.NULL;
    }

    static LinuxImageFile open(Path path, boolean writable, CacheMode cache) {
        boolean direct = cache == CacheMode.NONE;
        PositionedFile file;
        try {
            file = PositionedFile.open(path, writable, direct);
        } catch (ErrnoException e) {
            if (direct && e.errno() == Errno.EINVAL) {
                throw new BlockException(
                        "disk image %s: its file system cannot do cache=none; use cache=writeback".formatted(path), e);
            }
            throw new BlockException("disk image " + path + ": cannot be opened: " + e.getMessage(), e);
        }
        try {
            lock(file, path, writable);
            return new LinuxImageFile(file, path, direct);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /**
     * Says first what this one does, and only then looks at the others: of two that come at once,
     * one at least gives up.
     */
    private static void lock(PositionedFile file, Path path, boolean writable) {
        try {
            for (long own : writable ? WRITER : READER) {
                if (!file.lockShared(own)) throw locked(path, writable, own);
            }
            for (long of : writable ? AGAINST_WRITER : AGAINST_READER) {
                if (file.lockedByOthers(of)) throw locked(path, writable, of);
            }
        } catch (ErrnoException e) {
            throw new BlockException("disk image " + path + ": cannot be locked: " + e.getMessage(), e);
        }
    }

    private static BlockException locked(Path path, boolean writable, long at) {
        return ImageFile.locked(path, writable, "byte %d, as QEMU does".formatted(at));
    }

    /** The block size of the device, found by a read that would need a small one. */
    private int probeAlignment() {
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment twoBlocks = scratch.allocate(2 * LARGE_BLOCK, LARGE_BLOCK);
            return file.read(SMALL_BLOCK, twoBlocks, SMALL_BLOCK, SMALL_BLOCK) == SMALL_BLOCK
                    ? SMALL_BLOCK
                    : LARGE_BLOCK;
        } catch (ErrnoException e) {
            return LARGE_BLOCK;
        }
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public long size() {
        try {
            return file.size();
        } catch (ErrnoException e) {
            throw failed(e);
        }
    }

    @Override
    public int alignment() {
        return alignment;
    }

    @Override
    public void read(long position, MemorySegment to, long offset, long length) {
        try {
            if (aligned(position, to, offset, length)) {
                long read = file.read(position, to, offset, length);
                if (read < length) to.asSlice(offset + read, length - read).fill((byte) 0);
            } else {
                readThroughBuffer(position, to, offset, length);
            }
        } catch (ErrnoException e) {
            throw failed(e);
        }
    }

    @Override
    public void write(long position, MemorySegment from, long offset, long length) {
        try {
            if (!aligned(position, from, offset, length)) {
                writeThroughBuffer(position, from, offset, length);
            } else if (alignment <= BlockBackend.SECTOR_SIZE) {
                file.write(position, from, offset, length);
            } else {
                synchronized (this) { // a sector that is written through the buffer writes its neighbours, too
                    file.write(position, from, offset, length);
                }
            }
        } catch (ErrnoException e) {
            throw failed(e);
        }
    }

    private boolean aligned(long position, MemorySegment segment, long offset, long length) {
        return ((position | (segment.address() + offset) | length) & (alignment - 1)) == 0;
    }

    private synchronized void readThroughBuffer(long position, MemorySegment to, long offset, long length) {
        long done = 0;
        while (done < length) {
            long at = position + done;
            long start = at & -alignment;
            long n = Math.min(length - done, BUFFER_SIZE - (at - start));
            fillBuffer(start, at + n);
            MemorySegment.copy(buffer, at - start, to, offset + done, n);
            done += n;
        }
    }

    private synchronized void writeThroughBuffer(long position, MemorySegment from, long offset, long length) {
        long done = 0;
        while (done < length) {
            long at = position + done;
            long start = at & -alignment;
            long n = Math.min(length - done, BUFFER_SIZE - (at - start));
            long end = (at + n + alignment - 1) & -alignment;
            if (start != at || end != at + n) fillBuffer(start, end);
            MemorySegment.copy(from, offset + done, buffer, at - start, n);
            file.write(start, buffer, 0, end - start);
            done += n;
        }
    }

    /** Reads the blocks of {@code [start, end)}. */
    private void fillBuffer(long start, long end) {
        long size = (end - start + alignment - 1) & -alignment;
        long read = file.read(start, buffer, 0, size);
        if (read < size) buffer.asSlice(read, size - read).fill((byte) 0);
    }

    @Override
    public void sync() {
        try {
            file.sync();
        } catch (ErrnoException e) {
            throw failed(e);
        }
    }

    @Override
    public void discard(long position, long length) {
        try {
            file.punchHole(position, length);
        } catch (ErrnoException e) {
            throw failed(e);
        }
    }

    @Override
    public void zero(long position, long length, boolean mayUnmap) {
        boolean done;
        try {
            done = mayUnmap ? file.punchHole(position, length) : file.zeroRange(position, length);
        } catch (ErrnoException e) {
            throw failed(e);
        }
        if (!done) Zeroes.write(this, position, length);
    }

    private BlockException failed(ErrnoException e) {
        return new BlockException("disk image " + path + ": " + e.getMessage(), e);
    }

    @Override
    public void close() {
        file.close();
        arena.close();
    }
}
