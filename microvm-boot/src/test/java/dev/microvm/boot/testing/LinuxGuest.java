package dev.microvm.boot.testing;

import dev.microvm.MicroVm;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.KernelImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * Debian's kernel for virtual machines, and initial file systems for it: busybox, and a script as
 * init.
 */
public final class LinuxGuest {
    /** The first text of {@link #DIALOGUE}. */
    static final String READY = "ready";

    /** Commands that run each line they read and print its exit status, for {@link #ask}. */
    public static final String DIALOGUE = """
            stty -echo
            echo ready
            while read line; do eval "$line"; echo "=$?="; done
            """;

    private static final String SUCCEEDED = "=0=";
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private static final int EXECUTABLE = 0755;

    private static final String PREPARATION = """
            #!/bin/busybox sh
            /bin/busybox --install -s /bin
            mount -t proc proc /proc
            mount -t sysfs sys /sys
            mount -t devtmpfs dev /dev
            """;

    private LinuxGuest() {}

    /** Returns the kernel, unpacked into {@code folder}, so that no guest has to unpack it. */
    public static Path kernel(Path folder) {
        Path kernel = folder.resolve("vmlinux");
        KernelImage.open(GuestFiles.file("cloud/vmlinuz")).writeVmlinux(kernel);
        return kernel;
    }

    /**
     * Begins one with all applets of busybox and {@code vm-exit}; add other files and {@link
     * #init}.
     */
    public static Initramfs.Builder files() {
        return Initramfs.builder()
                .file("/bin/busybox", GuestFiles.file("busybox"), EXECUTABLE)
                .directory("/proc", EXECUTABLE)
                .directory("/sys", EXECUTABLE)
                .directory("/dev", EXECUTABLE)
                .exitProgram("/sbin/vm-exit");
    }

    /** The same with kernel modules and what they need, for {@link #build}. */
    public static Initramfs.Builder files(String... modules) {
        try {
            String release = Files.readString(GuestFiles.file("cloud/release")).strip();
            return files().modules(GuestFiles.file("cloud/modules"), release, List.of(modules));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Returns an init that mounts the usual file systems and then runs {@code commands} in
     * busybox's shell.
     */
    public static String init(String commands) {
        return PREPARATION + commands;
    }

    /**
     * Completes {@code files} by an init that loads their modules and then runs {@code commands}.
     */
    public static Initramfs build(Initramfs.Builder files, String commands) {
        StringBuilder load = new StringBuilder();
        files.moduleLoadOrder()
                .forEach(module -> load.append("insmod ").append(module).append('\n'));
        return files.init(init(load + commands)).build();
    }

    /** Waits until a guest has started its {@link #DIALOGUE}. */
    public static void awaitReady(MicroVm vm) {
        vm.console().awaitText(READY, PATIENCE);
    }

    /** Runs a line in a guest's {@link #DIALOGUE} and returns what it prints; it must succeed. */
    public static String ask(MicroVm vm, String line) {
        vm.console().type(line + "\n");
        return vm.console().awaitText(SUCCEEDED, PATIENCE);
    }
}
