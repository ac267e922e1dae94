package dev.microvm.linuxguest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.boot.BootProtocol;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.KernelImage;
import dev.microvm.boot.Unpacking;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.ExitReport;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Debian's kernels boot to a test's init in every supported way, and end in every way. */
@Lanes.Kernels
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxBootTest {
    private static final Duration SOON = Duration.ofMinutes(2);

    /**
     * The message of Linux after 13 s on QEMU's microvm without an RTC:
     * drivers/rtc/rtc-mc146818-lib.c, rtc-cmos.c.
     */
    private static final String BROKEN_RTC = "broken or not accessible";

    /**
     * Reports on the machine between marks, then ends it in the way of the command line's parameter
     * "end".
     */
    private static final String INIT = """
            echo "cpus=$(grep -c ^processor /proc/cpuinfo)."
            echo "clocksource=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)."
            echo "uptime=$(cut -d' ' -f1 /proc/uptime)."
            cat /proc/interrupts
            echo end-of-report
            for word in $(cat /proc/cmdline); do
                case $word in end=* | bytes=*) eval "$word" ;; esac
            done
            case $end in
                reboot) reboot -f ;;
                code) vm-exit 42 ;;
                panic) exit 3 ;;
                off) poweroff -f ;;
                spin) while :; do :; done ;;
                echo) read line; echo "heard $line" ; reboot -f ;;
                flow) dmesg -n 1; stty raw -echo crtscts; echo go; head -c $bytes; reboot -f ;;
            esac
            sleep 1000
            """;

    @SuppressWarnings("NullAway.Init") // set by prepareGuests
    private Path unpacked; // a folder of vmlinux files

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuests(@TempDir Path folder) {
        unpacked = folder;
        initramfs = LinuxGuest.files().init(LinuxGuest.init(INIT)).build();
        for (String kernel : new String[] {"cloud", "standard"}) {
            KernelImage.open(GuestFiles.file(kernel + "/vmlinuz")).writeVmlinux(folder.resolve(kernel));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "cloud,    bzImage, 1, PVH",
        "cloud,    bzImage, 2, LINUX64",
        "cloud,    vmlinux, 1, LINUX64",
        "cloud,    vmlinux, 2, PVH",
        "cloud,    bzImage, 2, PVH",
        "cloud,    bzImage, 1, LINUX64",
        "cloud,    vmlinux, 2, LINUX64",
        "cloud,    vmlinux, 1, PVH",
        "standard, bzImage, 1, PVH",
        "standard, bzImage, 2, LINUX64",
        "standard, vmlinux, 1, LINUX64",
        "standard, vmlinux, 2, PVH",
        "standard, bzImage, 2, PVH",
        "standard, bzImage, 1, LINUX64",
        "standard, vmlinux, 2, LINUX64",
        "standard, vmlinux, 1, PVH",
    })
    void bootsToInit(String kernel, String form, int vcpus, BootProtocol protocol) {
        try (MicroVm vm = linux(kernel, form, "reboot=k end=reboot")
                .vcpus(vcpus)
                .bootProtocol(protocol)
                .start()) {
            String report = vm.console().awaitText("end-of-report", SOON);
            assertReport(report, vcpus);
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.RESET);
        }
    }

    @ParameterizedTest
    @CsvSource({"cloud, 1", "cloud, 2", "standard, 1", "standard, 2"})
    void bootsToInit_whenInterruptControllersAreOurs(String kernel, int vcpus) {
        try (MicroVm vm = linux(kernel, "vmlinux", "reboot=k end=reboot")
                .irqchip(Irqchip.SPLIT)
                .vcpus(vcpus)
                .start()) {
            assertReport(vm.console().awaitText("end-of-report", SOON), vcpus);
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.RESET);
        }
    }

    @ParameterizedTest
    @CsvSource({"cloud, 2", "standard, 1"})
    void bootsToInit_whenTheGuestUnpacksItsKernelItself(String kernel, int vcpus) {
        try (MicroVm vm = linux(kernel, "bzImage", "reboot=k end=reboot")
                .vcpus(vcpus)
                .unpacking(Unpacking.GUEST)
                .start()) {
            assertReport(vm.console().awaitText("end-of-report", SOON), vcpus);
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.RESET);
        }
    }

    @Test
    void endsByATripleFault_whenRebootIsT() {
        assertThat(endOf("reboot=t end=reboot").reason()).isEqualTo(Reason.TRIPLE_FAULT);
    }

    @Test
    void endsByTheResetRegister_whenRebootIsLeftToAcpi() {
        ExitReport report = endOf("end=reboot");
        assertThat(report.reason()).isEqualTo(Reason.RESET);
        assertThat(report.detail()).isEqualTo("keyboard controller"); // through the reset vector: see ResetVector
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void turnsItselfOff(Irqchip irqchip) {
        try (MicroVm vm = linux("cloud", "vmlinux", "end=off").irqchip(irqchip).start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.POWER_OFF);
        }
    }

    @Test
    void endsWithACode_whenInitWritesToTheExitPort() {
        ExitReport report = endOf("end=code");
        assertThat(report.reason()).isEqualTo(Reason.EXIT_PORT);
        assertThat(report.exitCode()).isEqualTo(OptionalInt.of(42));
    }

    @Test
    void endsInAPanic_whenInitExits() {
        ExitReport report = endOf("reboot=k panic=-1 end=panic");
        assertThat(report.reason()).isEqualTo(Reason.PANIC);
        assertThat(report.detail()).contains("Attempted to kill init! exitcode=0x00000300");
    }

    @Test
    void endsWhenTheHostStopsIt() {
        try (MicroVm vm = linux("cloud", "vmlinux", "end=spin").vcpus(2).start()) {
            vm.console().awaitText("end-of-report", SOON);
            assertThat(vm.stop().reason()).isEqualTo(Reason.STOPPED);
        }
    }

    @Test
    void readsItsConsole() {
        try (MicroVm vm = linux("cloud", "vmlinux", "reboot=k end=echo").start()) {
            vm.console().awaitText("end-of-report", SOON);
            vm.console().type("what the host types\n");
            assertThat(vm.console().awaitText("heard what the host types", SOON))
                    .isNotEmpty();
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.RESET);
        }
    }

    @Test
    void losesNothing_whenTheGuestUsesHardwareFlowControl() throws Exception {
        echo(1 << 16);
    }

    @Test
    @Lanes.TakesLong // two million exits
    void losesNothingOfAMegabyteEachWay_whenTheGuestUsesHardwareFlowControl() throws Exception {
        echo(1 << 20);
    }

    /** The guest echoes what it reads, so that both directions are full at once. */
    private void echo(int bytes) throws Exception {
        byte[] sent = new byte[bytes];
        new Random(1).nextBytes(sent);
        try (MicroVm vm = linux("cloud", "vmlinux", "reboot=k end=flow bytes=" + bytes)
                        .start();
                InputStream output = vm.console().output();
                OutputStream input = vm.console().input()) {
            skipBehind("end-of-report\r\ngo\n", output);
            Thread writer = Thread.ofPlatform().start(() -> {
                try {
                    input.write(sent);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });

            byte[] echoed = output.readNBytes(sent.length);

            writer.join();
            assertThat(echoed).isEqualTo(sent);
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.RESET);
        }
    }

    private static void skipBehind(String text, InputStream in) throws IOException {
        StringBuilder seen = new StringBuilder();
        while (!seen.substring(Math.max(0, seen.length() - text.length())).equals(text)) {
            int next = in.read();
            if (next < 0) throw new EOFException("no \"" + text + "\" in:\n" + seen);
            seen.append((char) next);
        }
    }

    private ExitReport endOf(String cmdline) {
        try (MicroVm vm = linux("cloud", "vmlinux", cmdline).start()) {
            return vm.awaitExit(SOON);
        }
    }

    private MicroVmBuilder linux(String kernel, String form, String cmdline) {
        Path file = form.equals("bzImage") ? GuestFiles.file(kernel + "/vmlinuz") : unpacked.resolve(kernel);
        return TestMachine.builder(TestMachine.preferredIrqchip())
                .kernel(file)
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 cryptomgr.notests " + cmdline);
    }

    private static void assertReport(String report, int vcpus) {
        assertThat(report)
                .contains("cpus=" + vcpus + ".")
                .containsPattern("clocksource=(kvm-clock|tsc)\\.")
                .containsPattern("IO-APIC +4-edge +ttyS0")
                .containsPattern("LOC: +[1-9][0-9]*")
                .contains("rtc_cmos 00:01: registered as rtc0")
                .doesNotContain(BROKEN_RTC);
    }
}
