package dev.microvm.examples;

import dev.microvm.ConsoleTarget;
import dev.microvm.Kernels;
import dev.microvm.MicroVm;
import dev.microvm.boot.Initramfs;
import dev.microvm.model.ExitReport;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Lesson 8: boots Linux with a shell script as init, shows its console, and exits with the script's
 * code. The kernel is the bundled one if it is on the class path, otherwise Debian's. With the
 * argument {@code shell} the script first starts a shell on this program's terminal.
 *
 * <p>The environment variable {@code MICROVM_GUEST} names the folder with the kernel and a static
 * busybox. {@code scripts/guest-files} fills it.
 */
public final class BootLinux {
    private static final Duration LIMIT = Duration.ofMinutes(5);
    private static final Duration A_DAY = Duration.ofDays(1);
    private static final int EXECUTABLE = 0755;
    private static final int EXIT_CODE = 42; // what the script gives

    /** A shell on the serial port, with job control, which needs a controlling terminal. */
    private static final String SHELL = """
            echo "A shell in the guest: exit ends it, Ctrl-A x stops the machine."
            stty sane crtscts < /dev/ttyS0
            setsid cttyhack sh""";

    private BootLinux() {}

    /**
     * Runs the guest. The process exits with the guest's exit code, or with 1 if the guest ended in
     * another way.
     */
    public static void main(String[] args) {
        Path guest = Path.of(System.getenv().getOrDefault("MICROVM_GUEST", "guest"));
        boolean shell = args.length > 0 && args[0].equals("shell");
        Initramfs initramfs = Initramfs.builder()
                .file("/bin/busybox", guest.resolve("busybox"), EXECUTABLE)
                .directory("/proc", EXECUTABLE)
                .directory("/dev", EXECUTABLE)
                .exitProgram("/sbin/vm-exit")
                .init(init(shell))
                .build();

        ExitReport report;
        try (MicroVm vm = MicroVm.builder()
                .name("boot-linux")
                .kernel(Kernels.findBundled().orElse(guest.resolve("cloud/vmlinuz")))
                .initrd(initramfs)
                .cmdline("console=ttyS0 reboot=k panic=-1")
                .memoryMiB(256)
                .serial(ConsoleTarget.stdio())
                .start()) {
            System.out.println(vm.describe());
            report = vm.awaitExit(shell ? A_DAY : LIMIT);
        } // closed before the report, so that all console output comes first
        System.out.println("\n" + report);
        System.exit(report.exitCode().orElse(1));
    }

    /** Returns the script of the guest's first program. */
    private static String init(boolean shell) {
        return """
                #!/bin/busybox sh
                /bin/busybox --install -s /bin
                mount -t proc proc /proc
                mount -t devtmpfs dev /dev
                echo "Hello from $(uname -sr), $(grep -c ^processor /proc/cpuinfo) CPU(s)"
                head -n 1 /proc/meminfo
                cat /proc/uptime
                %s
                vm-exit %d
                """.formatted(shell ? SHELL : "", EXIT_CODE);
    }
}
