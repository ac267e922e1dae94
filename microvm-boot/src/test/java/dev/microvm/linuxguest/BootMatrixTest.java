package dev.microvm.linuxguest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.KernelImage;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.linuxguest.BootMatrix.Combination;
import dev.microvm.model.ExitReport;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.Feature;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Debian's kernel boots in every combination of options that makes sense, and finds the parts it
 * should and no others.
 *
 * <p>Usually runs a few combinations, see {@link BootMatrix#pairwise}; {@code scripts/boot-matrix}
 * runs all of them.
 */
@Lanes.Kernels
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class BootMatrixTest {
    private static final Duration SOON = Duration.ofMinutes(4);
    private static final int NOTHING_FAILED = 100;

    /**
     * Reports, and ends with the number of failed checks as exit code, which reaches the host even
     * without a console.
     */
    private static final String INIT = """
            for word in $(cat /proc/cmdline); do
                case $word in vm.*) eval "${word#vm.}" ;; esac
            done
            failed=0
            # check WHAT COMMAND...: the command must succeed
            check() {
                what=$1
                shift
                if "$@" > /dev/null 2>&1; then echo "ok $what"; else echo "FAILED $what"; failed=$((failed + 1)); fi
            }
            # is ON-OR-OFF COMMAND...: the command must succeed if on, and fail if off
            is() { state=$1; shift; if "$@"; then [ $state = on ]; else [ $state = off ]; fi; }
            dmesg > /kernel-log
            check cpus [ $(grep -c ^processor /proc/cpuinfo) = $cpus ]
            check serial is $serial grep -qE 'IO-APIC +4-edge +ttyS0' /proc/interrupts
            check local-timer grep -qE 'LOC: +[1-9]' /proc/interrupts
            check rtc is $rtc grep -qE 'IO-APIC +8-edge +rtc0' /proc/interrupts
            check power-button is $acpi grep -qE 'IO-APIC +9-edge +ACPI:Ged' /proc/interrupts
            check clock grep -qE '^(kvm-clock|tsc)$' /sys/devices/system/clocksource/clocksource0/current_clocksource
            check no-wait-for-the-rtc is off grep -q 'broken or not accessible' /kernel-log
            check no-complaint-about-acpi is off grep -qE 'ACPI.*(Error|Warning)|ACPI BIOS|\\[Firmware (Bug|Warn)' /kernel-log
            cat /proc/interrupts
            echo "failed=$failed."
            vm-exit $((failed + 100))
            """;

    @SuppressWarnings("NullAway.Init") // set by prepareGuests
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuests(@TempDir Path folder) {
        initramfs = LinuxGuest.files().init(LinuxGuest.init(INIT)).build();
        kernel = folder.resolve("vmlinux");
        KernelImage.open(GuestFiles.file("standard/vmlinuz")).writeVmlinux(kernel); // has MP tables
    }

    /**
     * Returns the combinations that {@code microvm.matrix} selects and the hypervisor supports:
     * pairwise, or the Kth of N parts of all, as K/N.
     */
    static List<Combination> combinations() {
        Set<Irqchip> irqchips = TestMachine.irqchips().collect(Collectors.toSet());
        String which = System.getProperty("microvm.matrix", "pairwise");
        if (which.equals("pairwise")) return BootMatrix.pairwise(irqchips);
        int part = Integer.parseInt(which.substring(0, which.indexOf('/')));
        int parts = Integer.parseInt(which.substring(which.indexOf('/') + 1));
        List<Combination> all = BootMatrix.all(irqchips);
        return IntStream.range(0, all.size())
                .filter(index -> index % parts == part - 1)
                .mapToObj(all::get)
                .toList();
    }

    @ParameterizedTest
    @MethodSource("combinations")
    void boots(Combination machine) throws IOException {
        long start = System.nanoTime();
        String result = "failed";
        try (MicroVm vm = describe(machine).start()) {
            ExitReport report = vm.awaitExit(SOON);
            assertThat(report.reason()).as(vm.console().text()).isEqualTo(Reason.EXIT_PORT);
            assertThat(report.exitCode()).as(vm.console().text()).hasValue(NOTHING_FAILED);
            result = "boots";
        } finally {
            record(machine, result, Duration.ofNanos(System.nanoTime() - start));
        }
    }

    /** Adds a row to the table of results, if {@code scripts/boot-matrix} asks for one. */
    private static void record(Combination machine, String result, Duration took) throws IOException {
        String table = System.getProperty("microvm.matrix.table");
        if (table == null) return;
        String row = "| %s | %s | %.1f |%n"
                .formatted(machine.toString().replace(", ", " | "), result, took.toMillis() / 1000.0);
        Files.writeString(Path.of(table), row, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    private MicroVmBuilder describe(Combination machine) {
        MicroVmBuilder builder = TestMachine.builder(machine.irqchip())
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 cryptomgr.notests panic=-1 reboot=k " + expectations(machine))
                .vcpus(machine.vcpus())
                .pic(feature(machine.pic()))
                .pit(feature(machine.pit()))
                .rtc(feature(machine.rtc()))
                .isaSerial(feature(machine.isaSerial()))
                .acpi(feature(machine.acpi()));
        return switch (machine.start()) {
            case DIRECT -> builder;
            case QBOOT -> builder.firmware(GuestFiles.file("qboot.rom"));
            case SEABIOS ->
                builder.firmware(GuestFiles.file("bios-microvm.bin")).optionRom(GuestFiles.file("pvh.bin"));
        };
    }

    private static String expectations(Combination machine) {
        return "vm.cpus=%d vm.serial=%s vm.rtc=%s vm.acpi=%s"
                .formatted(machine.cpus(), word(machine.isaSerial()), word(machine.rtc()), word(machine.acpi()));
    }

    private static String word(boolean present) {
        return present ? "on" : "off";
    }

    private static Feature feature(boolean present) {
        return present ? Feature.ON : Feature.OFF;
    }
}
