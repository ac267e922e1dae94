package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * A file or block device that is read and written at explicit positions, directly to and from
 * memory outside the heap.
 *
 * <p>Any number of threads may call at the same time. Before calling {@link #close}, the caller
 * must make sure that no other call is in progress. Reading and writing allocate nothing. Failed
 * calls throw {@link ErrnoException}. Positions and lengths are in bytes.
 */
public final class PositionedFile implements AutoCloseable {
    // include/uapi/asm-generic/fcntl.h
    private static final int O_RDONLY = 0x0;
    private static final int O_RDWR = 0x2;
    private static final int O_CLOEXEC = 0x80000;
    private static final int O_DIRECT = // the asm-generic value, and that of arch/arm64/include/uapi/asm/fcntl.h
            System.getProperty("os.arch").equals("aarch64") ? 0x10000 : 0x4000;

    private static final int SEEK_END = 2; // include/uapi/linux/fs.h

    // include/uapi/linux/falloc.h
    private static final int FALLOC_FL_KEEP_SIZE = 0x01;
    private static final int FALLOC_FL_PUNCH_HOLE = 0x02;
    private static final int FALLOC_FL_ZERO_RANGE = 0x10;

    // Locks of an open file description: other descriptions in the same process do not share them, and closing those
    // does
    // not end them. fcntl(2); include/uapi/asm-generic/fcntl.h.
    private static final int F_OFD_GETLK = 36;
    private static final int F_OFD_SETLK = 37;
    private static final short F_RDLCK = 0;
    private static final short F_WRLCK = 1;
    private static final short F_UNLCK = 2;

    // struct flock: l_type, l_whence (0: from the file's start), l_start, l_len, l_pid
    private static final int FLOCK_SIZE = 32;
    private static final int FLOCK_TYPE = 0;
    private static final int FLOCK_START = 8;
    private static final int FLOCK_LENGTH = 16;

    private final FileDescriptor fd;
    private final Path path;

    private PositionedFile(FileDescriptor fd, Path path) {
        this.fd = fd;
        this.path = path;
    }

    /**
     * Opens an existing file.
     *
     * @param writable whether to open it for reading and writing; otherwise for reading only
     * @param direct whether to bypass the page cache (O_DIRECT); positions, lengths and memory
     *     addresses must then be multiples of the device's block size
     * @throws ErrnoException if the file cannot be opened; with EINVAL if its file system does not
     *     support {@code direct}
     */
    public static PositionedFile open(Path path, boolean writable, boolean direct) {
        int flags = (writable ? O_RDWR : O_RDONLY) | (direct ? O_DIRECT : 0) | O_CLOEXEC;
        int number = Libc.check("open(" + path + ")", Libc.open(path.toString(), flags));
        return new PositionedFile(new FileDescriptor(number), path);
    }

    /** Returns the size of the file or block device in bytes. */
    public long size() {
        long end = Libc.lseek(fd.value(), 0, SEEK_END);
        if (end < 0) throw failure("lseek", end);
        return end;
    }

    /**
     * Reads {@code length} bytes at {@code position} into {@code to}, starting at its byte
     * {@code offset}.
     *
     * @return the number of bytes read; fewer than {@code length} only at the end of the file
     */
    public long read(long position, MemorySegment to, long offset, long length) {
        long done = 0;
        while (done < length) {
            long n = Libc.pread(fd.value(), to, offset + done, length - done, position + done);
            if (n == 0) break;
            if (n < 0 && n != -Errno.EINTR) throw failure("pread", n);
            if (n > 0) done += n;
        }
        return done;
    }

    /**
     * Writes {@code length} bytes of {@code from}, starting at its byte {@code offset}, at
     * {@code position}.
     */
    public void write(long position, MemorySegment from, long offset, long length) {
        long done = 0;
        while (done < length) {
            long n = Libc.pwrite(fd.value(), from, offset + done, length - done, position + done);
            if (n == 0) throw failure("pwrite", -Errno.ENOSPC); // no file system of Linux does this
            if (n < 0 && n != -Errno.EINTR) throw failure("pwrite", n);
            if (n > 0) done += n;
        }
    }

    /**
     * Flushes all completed writes, and the file size that they require, to the medium before it
     * returns: fdatasync(2).
     */
    public void sync() {
        int result;
        do {
            result = Libc.fdatasync(fd.value());
        } while (result == -Errno.EINTR);
        if (result < 0) throw failure("fdatasync", result);
    }

    /**
     * Frees the space of a range, which then reads as zero. The file keeps its size.
     *
     * @return false if the file system does not support this; the range is then unchanged
     */
    public boolean punchHole(long position, long length) {
        return fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, position, length);
    }

    /**
     * Makes a range read as zero without freeing its space. The file keeps its size.
     *
     * @return false if the file system does not support this; the range is then unchanged
     */
    public boolean zeroRange(long position, long length) {
        return fallocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, position, length);
    }

    private boolean fallocate(int mode, long position, long length) {
        if (length == 0) return true;
        int result;
        do {
            result = Libc.fallocate(fd.value(), mode, position, length);
        } while (result == -Errno.EINTR);
        if (result == -Errno.EOPNOTSUPP || result == -Errno.ENOSYS || result == -Errno.EINVAL) return false;
        if (result < 0) throw failure("fallocate", result);
        return true;
    }

    /**
     * Takes a shared lock on the byte at {@code position}, which may be beyond the end of the file.
     *
     * @return false if another open file has an exclusive lock on it
     */
    public boolean lockShared(long position) {
        try (Arena arena = Arena.ofConfined()) {
            int result = Libc.fcntl(fd.value(), F_OFD_SETLK, lock(arena, F_RDLCK, position));
            if (result == -Errno.EAGAIN || result == -Errno.EACCES) return false;
            if (result < 0) throw failure("fcntl(F_OFD_SETLK)", result);
            return true;
        }
    }

    /** Returns whether another open file has any lock on the byte at {@code position}. */
    public boolean lockedByOthers(long position) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment lock = lock(arena, F_WRLCK, position);
            int result = Libc.fcntl(fd.value(), F_OFD_GETLK, lock);
            if (result < 0) throw failure("fcntl(F_OFD_GETLK)", result);
            return lock.get(JAVA_SHORT, FLOCK_TYPE) != F_UNLCK;
        }
    }

    private static MemorySegment lock(Arena arena, short type, long position) {
        MemorySegment lock = arena.allocate(FLOCK_SIZE, Long.BYTES);
        lock.set(JAVA_SHORT, FLOCK_TYPE, type);
        lock.set(JAVA_LONG, FLOCK_START, position);
        lock.set(JAVA_LONG, FLOCK_LENGTH, 1);
        return lock;
    }

    private ErrnoException failure(String call, long result) {
        return new ErrnoException(call + "(" + path + ")", (int) -result);
    }

    @Override
    public void close() {
        fd.close();
    }
}
