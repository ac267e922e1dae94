package dev.microvm.examples;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.boot.Initramfs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Debian's kernel and busybox, for the lessons with Linux. They are in the folder that the
 * environment variable {@code MICROVM_GUEST} names, which {@code scripts/guest-files} fills.
 */
final class Guest {
    private static final Path FILES = Path.of(System.getenv().getOrDefault("MICROVM_GUEST", "guest"));
    private static final int EXECUTABLE = 0755;

    private Guest() {}

    /**
     * Returns a machine whose first program is a shell script. Before it runs, these kernel modules
     * are loaded, and /proc, /sys and /dev are there.
     */
    static MicroVmBuilder running(String script, String... modules) {
        Initramfs.Builder files = Initramfs.builder()
                .file("/bin/busybox", FILES.resolve("busybox"), EXECUTABLE)
                .exitProgram("/bin/vm-exit")
                .directory("/proc", EXECUTABLE)
                .directory("/sys", EXECUTABLE)
                .directory("/dev", EXECUTABLE)
                .directory("/tmp", EXECUTABLE);
        if (modules.length > 0) files.modules(FILES.resolve("cloud/modules"), release(), List.of(modules));
        StringBuilder init = new StringBuilder("""
                #!/bin/busybox sh
                /bin/busybox --install -s /bin
                mount -t proc proc /proc
                mount -t sysfs sys /sys
                mount -t devtmpfs dev /dev
                """);
        for (String module : files.moduleLoadOrder())
            init.append("insmod ").append(module).append('\n');
        return MicroVm.builder()
                .kernel(FILES.resolve("cloud/vmlinuz"))
                .initrd(files.init(init + script).build())
                .cmdline("console=ttyS0 loglevel=3 pci=off cryptomgr.notests reboot=k panic=-1")
                .memoryMiB(256);
    }

    private static String release() {
        try {
            return Files.readString(FILES.resolve("cloud/release")).strip();
        } catch (IOException e) {
            throw new UncheckedIOException("run scripts/guest-files, and set MICROVM_GUEST to what it prints", e);
        }
    }
}
