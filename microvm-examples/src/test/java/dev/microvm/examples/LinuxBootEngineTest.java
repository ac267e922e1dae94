package dev.microvm.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.ExitReport;
import dev.microvm.HypervisorChoice;
import dev.microvm.Irqchip;
import dev.microvm.MicroVm;
import dev.microvm.boot.BootProtocol;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.KernelImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Debian's kernels boot on the engine to a shell of ours. Lane {@code engine}; needs {@code scripts/guest-files}. */
@Tag("engine")
@Timeout(600)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxBootEngineTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final int EXECUTABLE = 0755;
    private static final String INIT = """
            #!/bin/busybox sh
            /bin/busybox --install -s /bin
            mount -t proc proc /proc
            mount -t sysfs sys /sys
            echo "cpus=$(grep -c ^processor /proc/cpuinfo)."
            echo "clocksource=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)."
            vm-exit 42
            """;

    private static final Path GUEST = Path.of(Optional.ofNullable(System.getenv("MICROVM_CACHE"))
                    .orElse(System.getProperty("user.home") + "/.cache/microvm"))
            .resolve("guest");

    @SuppressWarnings("NullAway.Init") // set by unpack
    private Path unpacked;

    @BeforeAll
    void unpack(@TempDir Path folder) {
        assumeTrue(Files.exists(GUEST.resolve("cloud/vmlinuz")), "no guest files: run scripts/guest-files");
        unpacked = folder;
        for (String kernel : new String[] {"cloud", "standard"}) {
            KernelImage.open(GUEST.resolve(kernel + "/vmlinuz")).writeVmlinux(folder.resolve(kernel));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "cloud,    vmlinux, 1, PVH",
        "cloud,    vmlinux, 2, LINUX64",
        "cloud,    bzImage, 2, PVH",
        "cloud,    bzImage, 1, LINUX64",
        "standard, vmlinux, 2, PVH",
    })
    void bootsToInit(String kernel, String form, int vcpus, BootProtocol protocol) {
        Initramfs initramfs = Initramfs.builder()
                .file("/bin/busybox", GUEST.resolve("busybox"), EXECUTABLE)
                .directory("/proc", EXECUTABLE)
                .directory("/sys", EXECUTABLE)
                .directory("/dev", EXECUTABLE)
                .exitProgram("/sbin/vm-exit")
                .init(INIT)
                .build();
        Path image = form.equals("vmlinux") ? unpacked.resolve(kernel) : GUEST.resolve(kernel + "/vmlinuz");
        try (MicroVm vm = MicroVm.builder()
                .name("engine")
                .hypervisor(HypervisorChoice.ENGINE)
                .irqchip(Irqchip.SPLIT)
                .kernel(image)
                .initrd(initramfs)
                .bootProtocol(protocol)
                .vcpus(vcpus)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet reboot=k panic=-1 nokaslr mitigations=off cryptomgr.notests")
                .start()) {
            ExitReport report = vm.awaitExit(LIMIT);
            assertThat(report.exitCode()).as(vm.console().text()).isEqualTo(OptionalInt.of(42));
            assertThat(vm.console().text()).contains("cpus=" + vcpus + ".").contains("clocksource=tsc.");
        }
    }
}
