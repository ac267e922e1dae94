package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.machine.KernelInterrupts;
import dev.microvm.machine.SplitInterrupts;
import dev.microvm.model.ExitReport;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.OptionalInt;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a guest sees of the legacy devices and their interrupts, on any hypervisor, with either
 * irqchip. Each test runs one scenario of a program in {@code src/test/guest} and compares what it
 * prints; read both side by side.
 *
 * <p>With irqchip KERNEL the hypervisor has PICs, PIT and IOAPIC of its own. Where KVM's differ
 * from the data sheets, the test says how.
 */
@Timeout(120)
abstract class LegacyDevicesContract {
    /** An upper limit; an alarm that a very slow host misses comes again within a minute. */
    private static final Duration SOON = Duration.ofSeconds(90);

    private static final String FIVE_TIMES = "%1$s%1$s%1$s%1$s%1$s";

    private final HypervisorChoice hypervisor;
    private final Irqchip irqchip;

    @TempDir
    private Path folder;

    LegacyDevicesContract(HypervisorChoice hypervisor, Irqchip irqchip) {
        this.hypervisor = hypervisor;
        this.irqchip = irqchip;
    }

    /**
     * Whether its local APICs keep an interrupt in service until its end, as Intel SDM vol. 3A,
     * 11.8.4 says.
     */
    boolean localApicKeepsInService() {
        return true;
    }

    // ---- PIT

    @Test
    void interruptsAgainAndAgain_whenPitIsInMode2() {
        assertThat(run("pit", "mode2")).isEqualTo(FIVE_TIMES.formatted("interrupt 20\n"));
    }

    @Test
    void interruptsAgainAndAgain_whenPitIsInMode3() {
        assertThat(run("pit", "mode3")).isEqualTo(FIVE_TIMES.formatted("interrupt 20\n"));
    }

    @Test
    void interruptsOnceForEachCount_whenPitIsInMode0() {
        assertThat(run("pit", "mode0")).isEqualTo("""
                interrupt 20
                output 80
                no interrupt
                interrupt 20
                output 80
                no interrupt
                """);
    }

    @Test
    void interruptsThroughIoApic_whenPitIsInMode2() {
        assertThat(run("pit", "mode2_ioapic " + timerPin())).isEqualTo(FIVE_TIMES.formatted(timerVector()));
    }

    @Test
    void interruptsThroughIoApic_whenPitIsInMode3() {
        assertThat(run("pit", "mode3_ioapic " + timerPin())).isEqualTo(FIVE_TIMES.formatted(timerVector()));
    }

    @Test
    void interruptsThroughIoApicOnce_whenPitIsInMode0() {
        assertThat(run("pit", "mode0_ioapic " + timerPin())).isEqualTo(timerVector() + """
                output 80
                no interrupt
                """);
    }

    @Test
    void carriesThePicsInterrupt_whenLocalApicIsItsVirtualWire() {
        assertThat(run("pit", "virtual_wire")).isEqualTo("""
                no interrupt
                interrupt 20
                """);
    }

    @Test
    void raisesOutputAtPortB_whenGateLetsCounter2Count() {
        String stands = kernel() ? "" : "stands\n"; // KVM's counter 2 counts whatever its gate
        assertThat(run("pit", "counter2")).isEqualTo("output 00\n" + stands + "gate 01\noutput rose\n");
    }

    @Test
    void latchesARunningCount() {
        assertThat(run("pit", "latch")).isEqualTo("""
                goes down
                both bytes are of one count
                """);
    }

    @Test
    void readsBackStatusAndCount() {
        assertThat(run("pit", "read_back")).isEqualTo("""
                status 36
                goes down
                """);
    }

    // ---- PIC

    @Test
    void holdsRequestBack_whileItIsMasked() {
        assertThat(run("pic", "mask")).isEqualTo("""
                irr 10
                no interrupt
                interrupt 24
                irr 00
                isr 10
                isr 00
                mask ef
                """);
    }

    @Test
    void takesLowerNumberFirst_whenTwoWait() {
        assertThat(run("pic", "priority")).isEqualTo("""
                irr 11
                interrupt 20
                no interrupt
                interrupt 24
                isr 10
                """);
    }

    @Test
    void letsHigherIn_whileLowerIsInService() {
        assertThat(run("pic", "nesting")).isEqualTo("""
                interrupt 24
                interrupt 20
                isr 11
                isr 10
                isr 00
                """);
    }

    @Test
    void changesPriorities_whenRotated() {
        assertThat(run("pic", "rotation")).isEqualTo("""
                interrupt 24
                interrupt 20
                interrupt 24
                """);
    }

    @Test
    void letsLowerIn_inSpecialMaskMode() {
        // KVM's PIC keeps the mode's bit and does not act on it (arch/x86/kvm/i8259.c, pic_get_irq).
        String then = kernel() ? "no interrupt\nisr 01\n" : "interrupt 24\nisr 11\n";
        assertThat(run("pic", "special_mask")).isEqualTo("interrupt 20\nno interrupt\n" + then);
    }

    @Test
    void interruptsThroughSlave_whenIrqIs8() {
        assertThat(run("pic", "cascade")).isEqualTo("""
                interrupt 28
                master isr 04
                slave isr 01
                master isr 00
                slave isr 00
                """);
    }

    @Test
    void givesSlavesInput7_whenItsRequestIsGone() {
        // That of the master cannot be had without a race: INTR falls as soon as its request does.
        assertThat(run("pic", "spurious")).isEqualTo("""
                interrupt 2f
                master isr 04
                slave isr 00
                no interrupt
                """);
    }

    @Test
    void needsNoEnd_withAutomaticEoi() {
        assertThat(run("pic", "automatic_eoi")).isEqualTo("""
                interrupt 24
                isr 00
                interrupt 24
                """);
    }

    @Test
    void interruptsUntilLineFalls_whenElcrSaysLevel() {
        assertThat(run("pic", "edge_level")).isEqualTo("""
                interrupt 24
                no interrupt
                interrupt 24
                interrupt 24
                no interrupt
                """);
    }

    @Test
    void keepsEdgeOnly_forIrqsOfTheMainBoard() {
        assertThat(run("pic", "edge_level_registers")).isEqualTo("""
                master f8
                slave de
                master 00
                """);
    }

    @Test
    void acknowledges_whenPolled() {
        // KVM's poll (arch/x86/kvm/i8259.c, pic_poll_read) ends what it acknowledges and calls input 7 when there is
        // none; that of Linux 6.1 does not set bit 7, that of 6.18 does.
        String ours = "poll 84\nisr 10\nirr 00\npoll 00\nno interrupt\n";
        String kvms = "poll [08]4\nisr 00\nirr 00\npoll 07\nno interrupt\n";
        assertThat(run("pic", "poll")).matches(kernel() ? kvms : ours);
    }

    // ---- IOAPIC

    @Test
    void keepsWhatMayBeWritten_inIoApicsRegisters() {
        String version = kernel() ? "version 11\n" : "version 20\n"; // KVM's own is an 82093AA, without EOI register
        assertThat(run("ioapic", "registers")).isEqualTo(version + """
                last pin 17
                masked 01
                vector 44
                level 80
                destination 5a
                """);
    }

    @Test
    void interruptsOnceForEachRise_whenPinIsEdgeTriggered() {
        assertThat(run("ioapic", "edge")).isEqualTo("""
                interrupt 44
                no interrupt
                interrupt 44
                no interrupt
                """);
    }

    @Test
    void interruptsAgainAtItsEnd_whileLevelIsHigh() {
        assertThat(run("ioapic", "level")).isEqualTo("""
                interrupt 44
                remote irr 40
                interrupt 44
                remote irr 00
                interrupt 44
                remote irr 00
                """);
    }

    @Test
    void holdsLevelBack_untilTheEndOfItsInterrupt() {
        assumeTrue(localApicKeepsInService(), "this hypervisor's local APIC keeps nothing in service");
        assertThat(run("ioapic", "in_service")).isEqualTo("""
                interrupt 44
                no interrupt
                remote irr 40
                remote irr 00
                no interrupt
                interrupt 44
                remote irr 40
                remote irr 40
                remote irr 00
                no interrupt
                """);
    }

    @Test
    void losesEdge_whenPinIsMasked() {
        assertThat(run("ioapic", "mask_edge")).isEqualTo("""
                no interrupt
                no interrupt
                interrupt 44
                """);
    }

    @Test
    void keepsLevel_whenPinIsMasked() {
        assertThat(run("ioapic", "mask_level")).isEqualTo("""
                no interrupt
                interrupt 44
                remote irr 00
                """);
    }

    @Test
    void endsLevel_byTheEoiRegister() {
        String after = kernel() ? "remote irr 40\n" : "remote irr 00\n"; // KVM's own has no such register
        assertThat(run("ioapic", "eoi_register"))
                .isEqualTo("interrupt 44\nremote irr 40\n" + after + "remote irr 00\n");
    }

    @Test
    void takesHigherVectorFirst_whenTwoPinsWait() {
        assertThat(run("ioapic", "vector_priority")).isEqualTo("""
                interrupt 44
                then the timer's
                """);
    }

    @Test
    void interruptsOtherVcpu_whenDestinationIsPhysical() {
        assertThat(run("ioapic", "physical", vm -> vm.vcpus(2))).isEqualTo("""
                other: interrupt 44
                no interrupt
                interrupt 44
                """);
    }

    @Test
    void interruptsOtherVcpu_whenDestinationIsLogical() {
        assertThat(run("ioapic", "logical", vm -> vm.vcpus(2))).isEqualTo("""
                other: interrupt 44
                no interrupt
                interrupt 44
                """);
    }

    @Test
    void interruptsOtherVcpuAgain_whileLevelIsHigh() {
        assertThat(run("ioapic", "level_other", vm -> vm.vcpus(2))).isEqualTo("""
                other: interrupt 44
                other: interrupt 44
                rests
                """);
    }

    // ---- RTC

    @Test
    void interruptsPeriodically_whenRegisterCIsReadEachTime() {
        assertThat(run("rtc", "periodic")).isEqualTo("""
                interrupt 28
                flags c0
                interrupt 28
                flags c0
                interrupt 28
                flags c0
                """);
    }

    @Test
    void interruptsPeriodically_throughIoApic() {
        assertThat(run("rtc", "periodic_ioapic")).isEqualTo("""
                interrupt 48
                interrupt 48
                interrupt 48
                """);
    }

    @Test
    void clearsFlags_whenRegisterCIsRead() {
        assertThat(run("rtc", "register_c")).isEqualTo("""
                flags c0
                flags 00
                valid 80
                """);
    }

    @Test
    void interruptsEachSecond_whenAnUpdateEnds() {
        assertThat(run("rtc", "update")).isEqualTo("""
                interrupt 28
                flags 90
                interrupt 28
                flags 90
                """);
    }

    @Test
    void interruptsAtAlarm() {
        assertThat(run("rtc", "alarm")).isEqualTo("""
                interrupt 28
                flags a0
                not before its second
                """);
    }

    @Test
    void showsTheGivenClock_inEachFormat() {
        InstantSource clock = InstantSource.fixed(Instant.parse("2031-07-09T22:34:56Z")); // a Wednesday
        assertThat(run("rtc", "time", vm -> vm.rtcClock(clock))).isEqualTo("""
                BCD, 24 hours
                century 20
                year 31
                month 07
                date 09
                day of week 04
                hours 22
                minutes 34
                seconds 56
                binary, 24 hours
                century 14
                year 1f
                month 07
                date 09
                day of week 04
                hours 16
                minutes 22
                seconds 38
                BCD, 12 hours
                hours 90
                binary, 12 hours
                hours 8a
                """);
    }

    @Test
    void holdsMemorySizes_inCmosRam() {
        assertThat(run("rtc", "ram")).isEqualTo("""
                base KiB, low 80
                base KiB, high 02
                extended KiB, low 00
                extended KiB, high 3c
                kept a5
                """);
    }

    // ---- UART

    @Test
    void interruptsAfterEachCharacter_whenTransmitterIsEmpty() {
        assertThat(run("uart", "transmitter")).isEqualTo("""
                >interrupt 24
                iir 02
                iir 01
                no interrupt
                interrupt 24
                iir 02
                """);
    }

    @Test
    void interruptsThroughIoApic_whenTransmitterIsEmpty() {
        assertThat(run("uart", "transmitter_ioapic")).isEqualTo("""
                >interrupt 44
                iir 02
                interrupt 44
                iir 02
                """);
    }

    @Test
    void interruptsAtTriggerLevel_whenHostTypes() {
        assertThat(runTyping("receiver", "abcdefgh")).isEqualTo("""
                ready
                interrupt 24
                iir c4
                character 61
                last 68
                iir c1
                data ready 00
                """);
    }

    @Test
    void interruptsThroughIoApicAtTriggerLevel_whenHostTypes() {
        assertThat(runTyping("receiver_ioapic", "abcdefgh")).isEqualTo("""
                ready
                interrupt 44
                iir c4
                character 61
                last 68
                iir c1
                data ready 00
                """);
    }

    @Test
    void timesOut_whenHostTypesLessThanTheTriggerLevel() {
        assertThat(runTyping("timeout", "z")).isEqualTo("""
                ready
                interrupt 24
                iir cc
                character 7a
                iir c1
                """);
    }

    @Test
    void returnsCharactersAndModemLines_whenLoopedBack() {
        assertThat(run("uart", "loopback")).isEqualTo("""
                data ready 01
                character 5a
                line status 00
                modem status 90
                """);
    }

    @Test
    void interrupts_whateverOut2Is() {
        assertThat(run("uart", "out2")).isEqualTo("""
                interrupt 24
                no interrupt
                """);
    }

    // ---- power and reset

    @Test
    void turnsOff_whenPowerButtonInterruptsThroughIoApic() {
        assertThat(runShuttingDown("power_button")).isEqualTo("""
                ready
                interrupt 49
                events 02
                events 00
                """);
    }

    @Test
    void turnsOff_whenPowerButtonInterruptsThroughPic() {
        assertThat(runShuttingDown("power_button_pic")).isEqualTo("""
                ready
                interrupt 29
                events 02
                events 00
                """);
    }

    @ParameterizedTest
    @ValueSource(strings = {"pm1a_qemu", "pm1a_bochs", "pm1a_virtualbox"})
    void turnsOff_byTheControlRegistersThatEmulatorsHave(String scenario) {
        try (MicroVm vm = machine("power", scenario).start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.POWER_OFF);
        }
    }

    @Test
    void passesSelfTestAndAnswersWithIrq1_whenKeyboardControllerIsAsked() {
        assertThat(run("power", "keyboard")).isEqualTo("""
                self-test 55
                interrupt 21
                status 51
                answer fe
                """);
    }

    @Test
    void resets_byKeyboardController() {
        assertThat(resetBy("keyboard_reset")).isEqualTo("keyboard controller");
    }

    @Test
    void resets_byAcpiResetRegister() {
        assertThat(resetBy("reset_register")).isEqualTo("ACPI reset register");
    }

    @Test
    void resets_bySystemControlPortA() {
        assertThat(resetBy("fast_reset")).isEqualTo("system control port A");
    }

    @Test
    void resets_byResetControlRegister() {
        assertThat(resetBy("reset_control")).isEqualTo("reset control register 0xcf9");
    }

    // ---- how

    private boolean kernel() {
        return irqchip == Irqchip.KERNEL;
    }

    /** Returns the timer's pin: KVM's IOAPIC has it on pin 0, ours and most PCs on pin 2. */
    private int timerPin() {
        return kernel() ? KernelInterrupts.TIMER_PIN : SplitInterrupts.TIMER_PIN;
    }

    private String timerVector() {
        return "interrupt 4%d\n".formatted(timerPin());
    }

    private MicroVmBuilder machine(String program, String scenario) {
        return TinyKernel.of(program, folder, scenario).hypervisor(hypervisor).irqchip(irqchip);
    }

    /** Runs a scenario, which must end as expected, and returns what it prints. */
    private String run(String program, String scenario) {
        return run(program, scenario, UnaryOperator.identity());
    }

    private String run(String program, String scenario, UnaryOperator<MicroVmBuilder> options) {
        try (MicroVm vm = options.apply(machine(program, scenario)).start()) {
            return textOf(vm);
        }
    }

    private String runTyping(String scenario, String typed) {
        try (MicroVm vm = machine("uart", scenario).start()) {
            vm.console().awaitText("ready\n", SOON);
            vm.console().type(typed);
            return textOf(vm);
        }
    }

    private static String textOf(MicroVm vm) {
        ExitReport report = vm.awaitExit(SOON);
        assertThat(report.reason()).as("%s", report).isEqualTo(Reason.EXIT_PORT);
        assertThat(report.exitCode()).as(vm.console().text()).isEqualTo(OptionalInt.of(0));
        return vm.console().text();
    }

    private String runShuttingDown(String scenario) {
        try (MicroVm vm = machine("power", scenario).start()) {
            vm.console().awaitText("ready\n", SOON);
            assertThat(vm.shutDown(SOON).reason()).isEqualTo(Reason.POWER_OFF);
            return vm.console().text();
        }
    }

    /** Runs a scenario and returns the register that reset it. */
    private String resetBy(String scenario) {
        try (MicroVm vm = machine("power", scenario).start()) {
            ExitReport report = vm.awaitExit(SOON);
            assertThat(report.reason()).as("%s", report).isEqualTo(Reason.RESET);
            return report.detail();
        }
    }
}
