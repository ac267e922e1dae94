package dev.microvm.backend.fs.host;

/**
 * Flags of open(2) and its kin on the host: include/uapi/asm-generic/fcntl.h, and
 * arch/arm64/include/uapi/asm/fcntl.h where that differs.
 */
final class HostFlags {
    private static final boolean ARM = System.getProperty("os.arch").equals("aarch64");

    static final int O_RDONLY = 0;
    static final int O_WRONLY = 0x1;
    static final int O_RDWR = 0x2;
    static final int O_ACCMODE = 0x3;
    static final int O_CREAT = 0x40;
    static final int O_EXCL = 0x80;
    static final int O_NOCTTY = 0x100;
    static final int O_TRUNC = 0x200;
    static final int O_APPEND = 0x400;
    static final int O_NONBLOCK = 0x800;
    static final int O_DSYNC = 0x1000;
    static final int O_SYNC = 0x10_1000;
    static final int O_DIRECTORY = ARM ? 0x4000 : 0x1_0000;
    static final int O_NOFOLLOW = ARM ? 0x8000 : 0x2_0000;
    static final int O_CLOEXEC = 0x8_0000;
    static final int O_PATH = 0x20_0000;

    // include/uapi/linux/fcntl.h
    static final int AT_SYMLINK_NOFOLLOW = 0x100;
    static final int AT_REMOVEDIR = 0x200;
    static final int AT_SYMLINK_FOLLOW = 0x400;
    static final int AT_EMPTY_PATH = 0x1000;

    static final int F_SETFL = 4; // include/uapi/asm-generic/fcntl.h

    private HostFlags() {}
}
