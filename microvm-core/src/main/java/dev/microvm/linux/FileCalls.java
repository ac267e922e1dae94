package dev.microvm.linux;

import static dev.microvm.linux.Libc.STATE;
import static dev.microvm.linux.Libc.errno;
import static dev.microvm.linux.Libc.linkage;
import static dev.microvm.linux.Libc.result;
import static dev.microvm.linux.Linking.link;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The functions of the C library that find, make and change files, most of them by a name in an
 * open directory. As in {@link Libc}, a negative result is {@code -errno}.
 *
 * <p>Paths are C strings in memory outside the heap: UTF-8 or any other bytes, then a zero. No call
 * allocates.
 */
public final class FileCalls {
    /** In place of a directory: the current one of the process; for absolute paths. */
    public static final int AT_FDCWD = -100; // include/uapi/linux/fcntl.h

    private static final MethodHandle OPENAT = link("openat", 3, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
    private static final MethodHandle STATX =
            link("statx", 0, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS);
    private static final MethodHandle READLINKAT =
            link("readlinkat", 0, JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG);
    private static final MethodHandle SYMLINKAT = link("symlinkat", 0, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
    private static final MethodHandle MKFIFOAT = link("mkfifoat", 0, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle MKDIRAT = link("mkdirat", 0, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle UNLINKAT = link("unlinkat", 0, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle RENAMEAT2 =
            link("renameat2", 0, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle LINKAT =
            link("linkat", 0, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle CHMOD = link("chmod", 0, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle FCHMOD = link("fchmod", 0, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle FCHOWNAT =
            link("fchownat", 0, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle UTIMENSAT = link("utimensat", 0, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_INT);
    private static final MethodHandle FSYNC = link("fsync", 0, JAVA_INT, JAVA_INT);
    private static final MethodHandle FSTATFS = link("fstatfs", 0, JAVA_INT, JAVA_INT, ADDRESS);
    private static final MethodHandle GETDENTS = link("getdents64", 0, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    private static final MethodHandle COPY_FILE_RANGE =
            link("copy_file_range", 0, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT);
    private static final MethodHandle GETEUID = link("geteuid", 0, JAVA_INT);
    private static final MethodHandle GETEGID = link("getegid", 0, JAVA_INT);

    private FileCalls() {}

    /** openat(2). */
    public static int openat(int directory, MemorySegment path, int flags, int mode) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) OPENAT.invokeExact(state, directory, path, flags, mode));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** statx(2); {@link FileStat} reads the result. */
    public static int statx(int directory, MemorySegment path, int flags, int mask, MemorySegment to) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) STATX.invokeExact(state, directory, path, flags, mask, to));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** readlinkat(2). */
    public static long readlinkat(int directory, MemorySegment path, MemorySegment to, long size) {
        MemorySegment state = STATE.get();
        try {
            long done = (long) READLINKAT.invokeExact(state, directory, path, to, size);
            return done < 0 ? -errno(state) : done;
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** symlinkat(2). */
    public static int symlinkat(MemorySegment target, int directory, MemorySegment path) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) SYMLINKAT.invokeExact(state, target, directory, path));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** mkfifoat(3). */
    public static int mkfifoat(int directory, MemorySegment path, int mode) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) MKFIFOAT.invokeExact(state, directory, path, mode));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** mkdirat(2). */
    public static int mkdirat(int directory, MemorySegment path, int mode) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) MKDIRAT.invokeExact(state, directory, path, mode));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** unlinkat(2). */
    public static int unlinkat(int directory, MemorySegment path, int flags) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) UNLINKAT.invokeExact(state, directory, path, flags));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** renameat2(2). */
    public static int renameat2(int from, MemorySegment oldPath, int to, MemorySegment newPath, int flags) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) RENAMEAT2.invokeExact(state, from, oldPath, to, newPath, flags));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** linkat(2). */
    public static int linkat(int from, MemorySegment oldPath, int to, MemorySegment newPath, int flags) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) LINKAT.invokeExact(state, from, oldPath, to, newPath, flags));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** chmod(2). */
    public static int chmod(MemorySegment path, int mode) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) CHMOD.invokeExact(state, path, mode));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** fchmod(2). */
    public static int fchmod(int fd, int mode) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) FCHMOD.invokeExact(state, fd, mode));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** fchownat(2). */
    public static int fchownat(int directory, MemorySegment path, int uid, int gid, int flags) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) FCHOWNAT.invokeExact(state, directory, path, uid, gid, flags));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** utimensat(2). */
    public static int utimensat(int directory, MemorySegment path, MemorySegment times, int flags) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) UTIMENSAT.invokeExact(state, directory, path, times, flags));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** fsync(2). May block for a long time. */
    public static int fsync(int fd) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) FSYNC.invokeExact(state, fd));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** fstatfs(2). */
    public static int fstatfs(int fd, MemorySegment to) {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) FSTATFS.invokeExact(state, fd, to));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** getdents64(2). */
    public static long getdents(int fd, MemorySegment to, long size) {
        MemorySegment state = STATE.get();
        try {
            long done = (long) GETDENTS.invokeExact(state, fd, to, size);
            return done < 0 ? -errno(state) : done;
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** copy_file_range(2). */
    public static long copyFileRange(
            int from, MemorySegment fromPosition, int to, MemorySegment toPosition, long length, int flags) {
        MemorySegment state = STATE.get();
        try {
            long done = (long) COPY_FILE_RANGE.invokeExact(state, from, fromPosition, to, toPosition, length, flags);
            return done < 0 ? -errno(state) : done;
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** geteuid(2). */
    public static int geteuid() {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) GETEUID.invokeExact(state));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }

    /** getegid(2). */
    public static int getegid() {
        MemorySegment state = STATE.get();
        try {
            return result(state, (int) GETEGID.invokeExact(state));
        } catch (Throwable t) {
            throw linkage(t);
        }
    }
}
