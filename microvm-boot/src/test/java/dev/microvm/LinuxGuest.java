package dev.microvm;

import dev.microvm.boot.Initramfs;
import dev.microvm.boot.KernelImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

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

    /** Runs each line that it reads, and says how that ended. */
    private static final String SHELL = """
            # the modules
            stty -echo
            echo ready
            while read line; do eval "$line"; echo "=$?="; done
            """;

    private static final Duration SOON = Duration.ofMinutes(4);

    private LinuxGuest() {}

    /** Debian's kernel for virtual machines, unpacked into a folder. */
    static Path kernel(Path folder) {
        Path kernel = folder.resolve("vmlinux");
        KernelImage.open(GuestFiles.file("cloud/vmlinuz")).writeVmlinux(kernel);
        return kernel;
    }

    /** One for that kernel which loads these modules, by ACPI finds what they are for, and then does what {@link #ask} asks. */
    static Initramfs shell(String... modules) throws IOException {
        Initramfs.Builder files = files().modules(
                        GuestFiles.file("cloud/modules"),
                        Files.readString(GuestFiles.file("cloud/release")).strip(),
                        List.of(modules));
        StringBuilder load = new StringBuilder();
        files.moduleLoadOrder()
                .forEach(module -> load.append("insmod ").append(module).append('\n'));
        return files.init(init(SHELL.replace("# the modules", load))).build();
    }

    /** Waits until a guest with {@link #shell} can be asked. */
    static void awaitShell(MicroVm vm) {
        vm.console().awaitText("ready", SOON);
    }

    /** What a command prints in a guest with {@link #shell}, one line with all it does; it must succeed. */
    static String ask(MicroVm vm, String command) {
        vm.console().type(command + "\n");
        return vm.console().awaitText("=0=", SOON);
    }

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
