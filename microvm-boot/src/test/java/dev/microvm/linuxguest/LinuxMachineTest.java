package dev.microvm.linuxguest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.VmState;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.Feature;
import dev.microvm.model.Irqchip;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Debian's kernel in a running machine: its clocks, its power button, its resets. */
@Lanes.Kernels
@Timeout(600)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxMachineTest {
    private static final Duration SOON = Duration.ofMinutes(2);

    /**
     * Answers one word per line: "time" with the seconds since its start, other words as written.
     */
    private static final String ANSWERS = """
            stty -echo
            echo ready
            while read word; do
                case $word in
                    time) read up idle < /proc/uptime; echo "time=$up." ;;
                    clock) echo "clock=$(hwclock -u -r)." ;;
                    irqs) cat /proc/interrupts; echo "end=irqs." ;;
                    epoch) echo "epoch=$(cat /sys/class/rtc/rtc0/since_epoch)." ;;
                    button) exec 3< /dev/input/event0; echo listening; head -c 24 <&3 > /dev/null; poweroff -f ;;
                    reboot) reboot -f ;;
                esac
            done
            """;

    private static final int ROUNDS = 15;
    private static final Duration WATCHED = Duration.ofSeconds(60);
    private static final double MOST_DRIFT = 0.001;

    @SuppressWarnings("NullAway.Init") // set by prepareGuests
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    /** Machines that are ready, for tests that leave them so. */
    private final Map<Irqchip, MicroVm> ready = new EnumMap<>(Irqchip.class);

    @BeforeAll
    void prepareGuests(@TempDir Path folder) {
        kernel = LinuxGuest.kernel(folder);
        initramfs = LinuxGuest.build(LinuxGuest.files("button", "evdev"), ANSWERS);
    }

    @AfterAll
    void closeMachines() {
        ready.values().forEach(MicroVm::close);
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void readsTheHostsTimeFromTheRtc(Irqchip irqchip) {
        MicroVm vm = ready(irqchip);

        Instant before = Instant.now();
        String epoch = ask(vm, "epoch", "epoch=(\\d+)\\.");
        assertThat(Instant.ofEpochSecond(Long.parseLong(epoch)))
                .isBetween(before.minusSeconds(1), Instant.now().plusSeconds(1));

        before = Instant.now();
        String clock = ask(vm, "clock", "clock=(.*?) +0\\.000000 seconds\\.");
        Instant read = LocalDateTime.parse(
                        clock.replaceAll(" +", " "),
                        DateTimeFormatter.ofPattern("EEE MMM d HH:mm:ss yyyy", Locale.ENGLISH))
                .toInstant(ZoneOffset.UTC);
        assertThat(read).isBetween(before.minusSeconds(1), Instant.now().plusSeconds(2)); // it waits for a full second
    }

    @Test
    void keepsTime_whileAnotherMachineStartsAgainTenTimesInARow() throws InterruptedException {
        MicroVm ours = ready(Irqchip.SPLIT);
        MicroVm theirs = ready(TestMachine.preferredIrqchip()); // on the engine the same
        double oursBefore = offset(ours);
        double theirsBefore = offset(theirs);
        long end = System.nanoTime() + WATCHED.toNanos();
        startAgainTenTimes(); // within the minute, which would pass idly
        Thread.sleep(Duration.ofNanos(Math.max(0, end - System.nanoTime())));
        double allowed = WATCHED.toSeconds() * MOST_DRIFT;
        assertThat(offset(ours)).isCloseTo(oursBefore, within(allowed));
        assertThat(offset(theirs)).isCloseTo(theirsBefore, within(allowed));
    }

    private void startAgainTenTimes() {
        try (MicroVm vm = linux(Irqchip.SPLIT).onReset(ResetAction.RESTART).start()) {
            for (int resets = 0; resets < 10; resets++) {
                vm.console().awaitText("ready", SOON);
                assertThat(vm.restarts()).isEqualTo(resets);
                vm.console().type("reboot\n");
            }
            vm.console().awaitText("ready", SOON);
            assertThat(vm.restarts()).isEqualTo(10);
            assertThat(vm.state()).isEqualTo(VmState.RUNNING);
        }
    }

    /**
     * Returns the difference between the guest's clock and the host's in seconds, by the fastest of
     * several answers.
     */
    private static double offset(MicroVm vm) {
        double best = 0;
        long shortest = Long.MAX_VALUE;
        for (int round = 0; round < ROUNDS; round++) {
            long asked = System.nanoTime();
            double guest = Double.parseDouble(ask(vm, "time", "time=(\\d+\\.\\d+)\\."));
            long took = System.nanoTime() - asked;
            if (took < shortest) {
                shortest = took;
                best = guest - (asked + took / 2.0) / 1e9;
            }
        }
        return best;
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void turnsItselfOff_whenTheHostPressesThePowerButton(Irqchip irqchip) {
        try (MicroVm vm = linux(irqchip).start()) {
            vm.console().awaitText("ready", SOON);
            vm.console().type("button\n");
            vm.console().awaitText("listening", SOON);

            assertThat(vm.shutDown(SOON).reason()).isEqualTo(Reason.POWER_OFF);
        }
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void usesPicsAndPit_whenItFindsNoIoApic(Irqchip irqchip) { // the cloud kernel knows no MP table
        try (MicroVm vm = linux(irqchip).acpi(Feature.OFF).start()) {
            vm.console().awaitText("ready", SOON);
            vm.console().type("irqs\n");
            assertThat(vm.console().awaitText("end=irqs.", SOON))
                    .containsPattern("0: +[1-9][0-9]* +XT-PIC +timer")
                    .containsPattern("4: +[1-9][0-9]* +XT-PIC +ttyS0");
        }
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void usesLocalTimerAndIoApic_whenThereIsAcpi(Irqchip irqchip) {
        MicroVm vm = ready(irqchip);
        vm.console().type("irqs\n");
        assertThat(vm.console().awaitText("end=irqs.", SOON))
                .containsPattern("LOC: +[1-9][0-9]* ")
                .containsPattern(": +[1-9][0-9]* +IO-APIC +4-edge +ttyS0");
    }

    @Test
    void isStopped_whenTheGuestDoesNotHeedThePowerButtonInTime() {
        try (MicroVm vm = linux(Irqchip.SPLIT).start()) {
            vm.console().awaitText("ready", SOON);

            assertThat(vm.shutDown(Duration.ofSeconds(1)).reason()).isEqualTo(Reason.STOPPED);
        }
    }

    private MicroVm ready(Irqchip irqchip) {
        return ready.computeIfAbsent(irqchip, wanted -> {
            MicroVm vm = linux(wanted).start();
            vm.console().awaitText("ready", SOON);
            return vm;
        });
    }

    private MicroVmBuilder linux(Irqchip irqchip) {
        return TestMachine.builder(irqchip)
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k");
    }

    /** Types a word and returns the guest's answer. */
    private static String ask(MicroVm vm, String word, String answer) {
        vm.console().type(word + "\n");
        String text = vm.console().awaitText(".\r\n", SOON);
        Matcher found = Pattern.compile(answer).matcher(text);
        assertThat(found.find()).as(text).isTrue();
        return found.group(1);
    }
}
