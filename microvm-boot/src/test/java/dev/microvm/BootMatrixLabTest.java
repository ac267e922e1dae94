package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.BootMatrix.Combination;
import dev.microvm.ExitReport.Reason;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.KernelImage;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Debian's kernel boots in every combination of options that makes sense, and finds the parts it should and no others.
 *
 * <p>Every day a few combinations, see {@link BootMatrix#pairwise}; all of them with {@code -Dmicrovm.matrix=full}.
 */
@Lanes.Lab
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class BootMatrixLabTest {
    private static final Duration SOON = Duration.ofMinutes(4);
    private static final int EXECUTABLE = 0755;

    /**
     * Reports, and ends with a code that a host understands even where there is no console: how many of its checks failed.
     */
    private static final String INIT = """
            #!/bin/busybox sh
            /bin/busybox --install -s /bin
            mount -t proc proc /proc
            mount -t sysfs sys /sys
            mount -t devtmpfs dev /dev
            for word in $(cat /proc/cmdline); do
                case $word in vm.*) eval "${word#vm.}" ;; esac
            done
            failed=0
            # check WHAT COMMAND...: the command must succeed
            check() { what=$1; shift; if "$@" > /dev/null 2>&1; then echo "ok $what"; else echo "FAILED $what"; failed=$((failed + 1)); fi; }
            # present ON-OR-OFF COMMAND...: the command must succeed if on, and fail if off
            is() { state=$1; shift; if "$@"; then [ $state = on ]; else [ $state = off ]; fi; }
            dmesg > /kernel-log
            check cpus [ $(grep -c ^processor /proc/cpuinfo) = $cpus ]
            check serial is $serial grep -qE 'IO-APIC +4-edge +ttyS0' /proc/interrupts
            check rtc is $rtc [ -e /dev/rtc0 ]
            check no-wait-for-the-rtc is off grep -q 'broken or not accessible' /kernel-log
            check no-complaint-about-acpi is off grep -qE 'ACPI.*(Error|Warning)|ACPI BIOS|\\[Firmware (Bug|Warn)' /kernel-log
            check local-timer grep -qE 'LOC: +[1-9]' /proc/interrupts
            cat /proc/interrupts
            cat /kernel-log | grep -iE 'acpi|apic|timer|tsc|rtc|8042|8259|mp-?bios|warn|err|bug|ttyS'
            cat /proc/uptime
            echo "failed=$failed."
            vm-exit $((failed + 100))
            """;

    @SuppressWarnings("NullAway.Init") // set by prepareGuests
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuests(@TempDir Path folder) {
        initramfs = Initramfs.builder()
                .file("/bin/busybox", GuestFiles.file("busybox"), EXECUTABLE)
                .directory("/proc", EXECUTABLE)
                .directory("/sys", EXECUTABLE)
                .directory("/dev", EXECUTABLE)
                .exitProgram("/sbin/vm-exit")
                .init(INIT)
                .build();
        kernel = folder.resolve("vmlinux");
        KernelImage.open(GuestFiles.file("standard/vmlinuz")).writeVmlinux(kernel); // has MP tables
    }

    static List<Combination> combinations() {
        return System.getProperty("microvm.matrix", "pairwise").equals("full")
                ? BootMatrix.all()
                : BootMatrix.pairwise();
    }

    @ParameterizedTest
    @MethodSource("combinations")
    void boots(Combination machine) {
        try (MicroVm vm = MicroVm.builder()
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 cryptomgr.notests panic=-1 reboot=k " + expectations(machine))
                .irqchip(machine.irqchip())
                .vcpus(machine.vcpus())
                .pic(feature(machine.pic()))
                .pit(feature(machine.pit()))
                .rtc(feature(machine.rtc()))
                .isaSerial(feature(machine.isaSerial()))
                .acpi(feature(machine.acpi()))
                .start()) {
            ExitReport report = vm.awaitExit(SOON);
            System.out.println("=== " + machine + "\n" + vm.console().text());
            assertThat(report.reason()).as(vm.console().text()).isEqualTo(Reason.EXIT_PORT);
            assertThat(report.exitCode()).as(vm.console().text()).hasValue(100);
        }
    }

    private static String expectations(Combination machine) {
        return "vm.cpus=%d vm.serial=%s vm.rtc=%s"
                .formatted(machine.vcpus(), word(machine.isaSerial()), word(machine.rtc()));
    }

    private static String word(boolean present) {
        return present ? "on" : "off";
    }

    private static Feature feature(boolean present) {
        return present ? Feature.ON : Feature.OFF;
    }
}
