package dev.microvm.sandbox.agent;

import java.util.Map;

/** Error numbers of Linux: {@code include/uapi/asm-generic/errno-base.h} and {@code errno.h}. */
public final class Errno {
    public static final int EPERM = 1;
    public static final int ENOENT = 2;
    public static final int EACCES = 13;
    public static final int EEXIST = 17;
    public static final int EXDEV = 18;
    public static final int ENOTDIR = 20;
    public static final int EISDIR = 21;
    public static final int EINVAL = 22;
    public static final int ENOTEMPTY = 39;
    public static final int ELOOP = 40;

    private static final Map<Integer, String> TEXTS = Map.ofEntries(
            Map.entry(EPERM, "Operation not permitted"),
            Map.entry(ENOENT, "No such file or directory"),
            Map.entry(5, "Input/output error"),
            Map.entry(7, "Argument list too long"),
            Map.entry(8, "Exec format error"),
            Map.entry(11, "Resource temporarily unavailable"),
            Map.entry(12, "Cannot allocate memory"),
            Map.entry(EACCES, "Permission denied"),
            Map.entry(16, "Device or resource busy"),
            Map.entry(EEXIST, "File exists"),
            Map.entry(EXDEV, "Invalid cross-device link"),
            Map.entry(19, "No such device"),
            Map.entry(ENOTDIR, "Not a directory"),
            Map.entry(EISDIR, "Is a directory"),
            Map.entry(EINVAL, "Invalid argument"),
            Map.entry(24, "Too many open files"),
            Map.entry(26, "Text file busy"),
            Map.entry(27, "File too large"),
            Map.entry(28, "No space left on device"),
            Map.entry(30, "Read-only file system"),
            Map.entry(36, "File name too long"),
            Map.entry(38, "Function not implemented"),
            Map.entry(ENOTEMPTY, "Directory not empty"),
            Map.entry(ELOOP, "Too many levels of symbolic links"),
            Map.entry(71, "Protocol error"),
            Map.entry(95, "Operation not supported"),
            Map.entry(111, "Connection refused"),
            Map.entry(122, "Disk quota exceeded"));

    private Errno() {}

    /** Returns the usual words for an error number. */
    public static String text(int number) {
        return TEXTS.getOrDefault(number, "error " + number);
    }
}
