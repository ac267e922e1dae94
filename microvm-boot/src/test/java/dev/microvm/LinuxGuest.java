package dev.microvm;

import dev.microvm.boot.Initramfs;

/** Initial file systems for Debian's kernels: busybox, and a script as init. */
final class LinuxGuest {
    private static final int EXECUTABLE = 0755;

    private static final String PREPARATION = """
            #!/bin/busybox sh
            /bin/busybox --install -s /bin
            mount -t proc proc /proc
            mount -t sysfs sys /sys
            mount -t devtmpfs dev /dev
            """;

    private LinuxGuest() {}

    /** One with all applets of busybox and {@code vm-exit}; to be given more, and {@link #init}. */
    static Initramfs.Builder files() {
        return Initramfs.builder()
                .file("/bin/busybox", GuestFiles.file("busybox"), EXECUTABLE)
                .directory("/proc", EXECUTABLE)
                .directory("/sys", EXECUTABLE)
                .directory("/dev", EXECUTABLE)
                .exitProgram("/sbin/vm-exit");
    }

    /** An init that mounts what is usual and goes on with {@code commands} of busybox's shell. */
    static String init(String commands) {
        return PREPARATION + commands;
    }
}
