package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What Linux says of a file: struct statx, include/uapi/linux/stat.h. Used again for each file; for
 * one thread.
 */
public final class FileStat {
    /** The bits of the mode that are the kind of file. */
    public static final int S_IFMT = 0xF000;

    /** A FIFO. */
    public static final int S_IFIFO = 0x1000;

    /** A directory. */
    public static final int S_IFDIR = 0x4000;

    /** A regular file. */
    public static final int S_IFREG = 0x8000;

    /** A symbolic link. */
    public static final int S_IFLNK = 0xA000;

    private static final int AT_EMPTY_PATH = 0x1000; // include/uapi/linux/fcntl.h
    private static final int AT_SYMLINK_NOFOLLOW = 0x100;
    private static final int AT_NO_AUTOMOUNT = 0x800;

    private static final int STATX_BASIC_STATS = 0x7ff;
    private static final int STATX_BTIME = 0x800;

    private static final int SIZE = 256;
    private static final int BLOCK_SIZE = 4;
    private static final int LINKS = 16;
    private static final int UID = 20;
    private static final int GID = 24;
    private static final int MODE = 28;
    private static final int INODE = 32;
    private static final int BYTES = 40;
    private static final int BLOCKS = 48;
    private static final int ACCESSED = 64; // struct statx_timestamp: seconds, then nanoseconds at 8
    private static final int BORN = 80;
    private static final int CHANGED = 96;
    private static final int MODIFIED = 112;
    private static final int DEVICE_MAJOR = 136;
    private static final int DEVICE_MINOR = 140;
    private static final int NANOSECONDS = 8;
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private static final MemorySegment EMPTY = Arena.global().allocateFrom("");

    private final MemorySegment memory = Arena.ofAuto().allocate(SIZE, Long.BYTES);

    /** Reads what a name in a directory is, without following a link; returns 0 or {@code -errno}. */
    public int read(int directory, MemorySegment name) {
        return FileCalls.statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, mask(), memory);
    }

    /** Reads what a descriptor is, opened with O_PATH or not; returns 0 or {@code -errno}. */
    public int read(int fd) {
        return FileCalls.statx(fd, EMPTY, AT_EMPTY_PATH, mask(), memory);
    }

    private static int mask() {
        return STATX_BASIC_STATS | STATX_BTIME;
    }

    /** The kind of file and its permissions. */
    public int mode() {
        return Short.toUnsignedInt(memory.get(JAVA_SHORT, MODE));
    }

    /** The bits of {@link #S_IFMT}. */
    public int type() {
        return mode() & S_IFMT;
    }

    /** The number of its inode. */
    public long inode() {
        return memory.get(JAVA_LONG, INODE);
    }

    /** The number of its file system. */
    public long device() {
        return ((long) memory.get(JAVA_INT, DEVICE_MAJOR) << Integer.SIZE)
                | Integer.toUnsignedLong(memory.get(JAVA_INT, DEVICE_MINOR));
    }

    /**
     * When its inode was made, in nanoseconds, or 0 if the file system does not keep that. With the
     * numbers of inode and file system it tells a file from a later one.
     */
    public long born() {
        return seconds(BORN) * NANOS_PER_SECOND + nanoseconds(BORN);
    }

    /** Its size in bytes. */
    public long size() {
        return memory.get(JAVA_LONG, BYTES);
    }

    /** How many blocks of 512 bytes it takes. */
    public long blocks() {
        return memory.get(JAVA_LONG, BLOCKS);
    }

    /** The size of a block for input and output. */
    public int blockSize() {
        return memory.get(JAVA_INT, BLOCK_SIZE);
    }

    /** How many names it has. */
    public int links() {
        return memory.get(JAVA_INT, LINKS);
    }

    /** Its owner. */
    public int uid() {
        return memory.get(JAVA_INT, UID);
    }

    /** Its group. */
    public int gid() {
        return memory.get(JAVA_INT, GID);
    }

    /** When it was last read: seconds since 1970. */
    public long accessed() {
        return seconds(ACCESSED);
    }

    /** Nanoseconds of {@link #accessed}. */
    public int accessedNanos() {
        return nanoseconds(ACCESSED);
    }

    /** When its content last changed: seconds since 1970. */
    public long modified() {
        return seconds(MODIFIED);
    }

    /** Nanoseconds of {@link #modified}. */
    public int modifiedNanos() {
        return nanoseconds(MODIFIED);
    }

    /** When its inode last changed: seconds since 1970. */
    public long changed() {
        return seconds(CHANGED);
    }

    /** Nanoseconds of {@link #changed}. */
    public int changedNanos() {
        return nanoseconds(CHANGED);
    }

    private long seconds(int of) {
        return memory.get(JAVA_LONG, of);
    }

    private int nanoseconds(int of) {
        return memory.get(JAVA_INT, of + NANOSECONDS);
    }
}
