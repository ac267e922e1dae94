package dev.microvm.linux;

import java.util.Map;

/**
 * Error numbers of Linux on x86-64 and arm64: include/uapi/asm-generic/errno-base.h and errno.h.
 */
public final class Errno {
    /** Operation not permitted. */
    public static final int EPERM = 1;

    /** No such file or directory. */
    public static final int ENOENT = 2;

    /** No such process or thread. */
    public static final int ESRCH = 3;

    /** Interrupted system call. */
    public static final int EINTR = 4;

    /** Input/output error. */
    public static final int EIO = 5;

    /** No such device or address. */
    public static final int ENXIO = 6;

    /** Argument list too long. */
    public static final int E2BIG = 7;

    /** Bad file descriptor. */
    public static final int EBADF = 9;

    /** Try again. */
    public static final int EAGAIN = 11;

    /** Out of memory. */
    public static final int ENOMEM = 12;

    /** Permission denied. */
    public static final int EACCES = 13;

    /** Device or resource busy. */
    public static final int EBUSY = 16;

    /** File exists. */
    public static final int EEXIST = 17;

    /** No such device. */
    public static final int ENODEV = 19;

    /** Cross-device link. */
    public static final int EXDEV = 18;

    /** Not a directory. */
    public static final int ENOTDIR = 20;

    /** Is a directory. */
    public static final int EISDIR = 21;

    /** Invalid argument. */
    public static final int EINVAL = 22;

    /** Too many open files in the system. */
    public static final int ENFILE = 23;

    /** Too many open files. */
    public static final int EMFILE = 24;

    /** Inappropriate ioctl for device. */
    public static final int ENOTTY = 25;

    /** No space left on device. */
    public static final int ENOSPC = 28;

    /** Read-only file system. */
    public static final int EROFS = 30;

    /** File name too long. */
    public static final int ENAMETOOLONG = 36;

    /** Function not implemented. */
    public static final int ENOSYS = 38;

    /** Directory not empty. */
    public static final int ENOTEMPTY = 39;

    /** Too many levels of symbolic links. */
    public static final int ELOOP = 40;

    /** Protocol error. */
    public static final int EPROTO = 71;

    /** Operation not supported. */
    public static final int EOPNOTSUPP = 95;

    /** Stale file handle. */
    public static final int ESTALE = 116;

    private static final Map<Integer, String> TEXTS = Map.ofEntries(
            Map.entry(EPERM, "EPERM (operation not permitted)"),
            Map.entry(ENOENT, "ENOENT (no such file or directory)"),
            Map.entry(ESRCH, "ESRCH (no such thread or process)"),
            Map.entry(EINTR, "EINTR (interrupted)"),
            Map.entry(EIO, "EIO (input/output error)"),
            Map.entry(ENXIO, "ENXIO (no such device or address)"),
            Map.entry(E2BIG, "E2BIG (list too long)"),
            Map.entry(8, "ENOEXEC (exec format error)"),
            Map.entry(EBADF, "EBADF (bad file descriptor)"),
            Map.entry(EAGAIN, "EAGAIN (try again)"),
            Map.entry(ENOMEM, "ENOMEM (out of memory)"),
            Map.entry(EACCES, "EACCES (permission denied)"),
            Map.entry(14, "EFAULT (bad address)"),
            Map.entry(EBUSY, "EBUSY (device or resource busy)"),
            Map.entry(EEXIST, "EEXIST (exists already)"),
            Map.entry(EXDEV, "EXDEV (link across devices)"),
            Map.entry(ENODEV, "ENODEV (no such device)"),
            Map.entry(ENOTDIR, "ENOTDIR (not a directory)"),
            Map.entry(EISDIR, "EISDIR (is a directory)"),
            Map.entry(EINVAL, "EINVAL (invalid argument)"),
            Map.entry(ENFILE, "ENFILE (too many open files in the system)"),
            Map.entry(EMFILE, "EMFILE (too many open files in the process)"),
            Map.entry(ENOTTY, "ENOTTY (not a request this file knows)"),
            Map.entry(26, "ETXTBSY (text file busy)"),
            Map.entry(27, "EFBIG (file too large)"),
            Map.entry(ENOSPC, "ENOSPC (no space left on device)"),
            Map.entry(EROFS, "EROFS (read-only file system)"),
            Map.entry(32, "EPIPE (broken pipe)"),
            Map.entry(ENAMETOOLONG, "ENAMETOOLONG (file name too long)"),
            Map.entry(ENOSYS, "ENOSYS (no such system call)"),
            Map.entry(ENOTEMPTY, "ENOTEMPTY (directory not empty)"),
            Map.entry(ELOOP, "ELOOP (too many levels of symbolic links)"),
            Map.entry(EPROTO, "EPROTO (protocol error)"),
            Map.entry(EOPNOTSUPP, "EOPNOTSUPP (not supported)"),
            Map.entry(111, "ECONNREFUSED (connection refused)"),
            Map.entry(ESTALE, "ESTALE (stale file handle)"),
            Map.entry(122, "EDQUOT (disk quota exceeded)"));

    private Errno() {}

    /** Returns the meaning of an error number as a program would print it, such as {@code Not a directory}. */
    public static String words(int errno) {
        String text = TEXTS.get(errno);
        if (text == null) return "error " + errno;
        int start = text.indexOf('(') + 1;
        return Character.toUpperCase(text.charAt(start)) + text.substring(start + 1, text.length() - 1);
    }

    /** Returns the name and meaning of an error number, for messages. */
    public static String text(int errno) {
        return TEXTS.getOrDefault(errno, "errno " + errno);
    }
}
