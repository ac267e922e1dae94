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
                panic) stty -echo; exit 3 ;; # stty waits until the report is out, which the kernel's words would cut
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

    /** How a guest ends, and what the report says then. */
    enum End {
        KEYBOARD("reboot=k end=reboot", Reason.RESET),
        TRIPLE_FAULT("reboot=t end=reboot", Reason.TRIPLE_FAULT),
        ACPI("end=reboot", Reason.RESET),
        OFF("end=off", Reason.POWER_OFF),
        CODE("end=code", Reason.EXIT_PORT),
        PANIC("reboot=k panic=-1 end=panic", Reason.PANIC);

        private final String cmdline;
        private final Reason reason;

        End(String cmdline, Reason reason) {
            this.cmdline = cmdline;
            this.reason = reason;
        }

        void assertIn(ExitReport report) {
            assertThat(report.reason()).isEqualTo(reason);
            switch (this) {
                case ACPI -> // through the reset vector: see ResetVector
                    assertThat(report.detail()).isEqualTo("keyboard controller");
                case CODE -> assertThat(report.exitCode()).isEqualTo(OptionalInt.of(42));
                case PANIC -> assertThat(report.detail()).contains("Attempted to kill init! exitcode=0x00000300");
                default -> {}
            }
        }
    }

    /**
     * Every kernel in each form by each protocol on one CPU and on two. The interrupt controllers are
     * the hypervisor's or ours, so that each four of these five occur together in every way, and
     * each end occurs with both.
     */
    @ParameterizedTest
    @CsvSource({
        "cloud,    bzImage, 1, PVH,     KERNEL, KEYBOARD",
        "cloud,    bzImage, 1, LINUX64, SPLIT,  TRIPLE_FAULT",
        "cloud,    bzImage, 2, PVH,     SPLIT,  ACPI",
        "cloud,    bzImage, 2, LINUX64, KERNEL, OFF",
        "cloud,    vmlinux, 1, PVH,     SPLIT,  OFF",
        "cloud,    vmlinux, 1, LINUX64, KERNEL, CODE",
        "cloud,    vmlinux, 2, PVH,     KERNEL, PANIC",
        "cloud,    vmlinux, 2, LINUX64, SPLIT,  KEYBOARD",
        "standard, bzImage, 1, PVH,     SPLIT,  CODE",
        "standard, bzImage, 1, LINUX64, KERNEL, ACPI",
        "standard, bzImage, 2, PVH,     KERNEL, TRIPLE_FAULT",
        "standard, bzImage, 2, LINUX64, SPLIT,  PANIC",
        "standard, vmlinux, 1, PVH,     KERNEL, KEYBOARD",
        "standard, vmlinux, 1, LINUX64, SPLIT,  KEYBOARD",
        "standard, vmlinux, 2, PVH,     SPLIT,  TRIPLE_FAULT",
        "standard, vmlinux, 2, LINUX64, KERNEL, OFF",
    })
    void bootsToInit_andEnds(String kernel, String form, int vcpus, BootProtocol protocol, Irqchip irqchip, End end) {
        try (MicroVm vm = linux(kernel, form, end.cmdline)
                .irqchip(irqchip == Irqchip.KERNEL ? TestMachine.preferredIrqchip() : irqchip)
                .vcpus(vcpus)
                .bootProtocol(protocol)
                .start()) {
            assertReport(vm.console().awaitText("end-of-report", SOON), vcpus);
            end.assertIn(vm.awaitExit(SOON));
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
