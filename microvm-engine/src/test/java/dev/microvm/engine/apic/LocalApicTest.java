package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicMachine.SOFTWARE_ENABLED;
import static dev.microvm.engine.apic.ApicRegisters.*;
import static dev.microvm.hypervisor.MsrNumbers.IA32_APIC_BASE;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Intel SDM vol. 3A, chapter 11: priorities, in-service interrupts, pins, errors, resets. */
final class LocalApicTest {
    private final ApicMachine machine = new ApicMachine(1);
    private final LocalApic apic = machine.apic(0);

    private void request(int vector) {
        apic.deliver(FIXED, vector, false);
    }

    @Test
    void hasTheRegistersOfTable11_1_afterPowerOn() {
        apic.reset();

        assertThat(machine.read(0, ID)).isZero();
        assertThat(machine.read(0, VERSION)).isEqualTo(0x0105_0014);
        assertThat(machine.read(0, SVR)).isEqualTo(0xff);
        assertThat(machine.read(0, DFR)).isEqualTo(0xffff_ffff);
        assertThat(machine.read(0, LVT_TIMER)).isEqualTo(LVT_MASKED);
        assertThat(machine.read(0, LVT_LINT1)).isEqualTo(LVT_MASKED);
        assertThat(apic.apicBase()).isEqualTo(0xfee0_0900L);
        assertThat(apic.page()).isEqualTo(0xfee0_0000L);
        assertThat(apic.events()).isZero();
    }

    @Test
    void setsAnEventAndWakes_whenAnInterruptArrives() {
        request(0x41);

        assertThat(apic.events()).isEqualTo(LocalApic.INTERRUPT);
        assertThat(apic.pendingVector()).isEqualTo(0x41);
        assertThat(machine.wakes[0]).isEqualTo(1);
    }

    @Test
    void wakesOnce_whenMoreArriveBeforeOneIsTaken() {
        request(0x41);
        request(0x42);
        request(0x41);

        assertThat(machine.wakes[0]).isEqualTo(1);
    }

    @Test
    void movesTheHighestRequestIntoService_whenAcknowledged() {
        request(0x41);
        request(0x93);

        assertThat(apic.acknowledge()).isEqualTo(0x93);
        assertThat(machine.read(0, ISR + 4 * REGISTER_STRIDE)).isEqualTo(1 << 0x13);
        assertThat(machine.read(0, IRR + 4 * REGISTER_STRIDE)).isZero();
        assertThat(machine.read(0, IRR + 2 * REGISTER_STRIDE)).isEqualTo(1 << 1);
        assertThat(machine.read(0, PPR)).isEqualTo(0x90);
    }

    @Test
    void holdsBackALowerPriority_untilTheEndOfTheHigher() {
        request(0x93);
        apic.acknowledge();
        request(0x41);
        request(0x9f); // same class

        assertThat(apic.events()).isZero();
        machine.write(0, EOI, 0);
        assertThat(apic.acknowledge()).isEqualTo(0x9f);
        machine.write(0, EOI, 0);
        assertThat(apic.acknowledge()).isEqualTo(0x41);
    }

    @Test
    void nests_whenAHigherPriorityArrives() {
        request(0x41);
        apic.acknowledge();
        request(0x51);

        assertThat(apic.acknowledge()).isEqualTo(0x51);
    }

    @Test
    void holdsBackClassesUpToTheTaskPriority() {
        machine.write(0, TPR, 0x50);
        request(0x5f);

        assertThat(apic.events()).isZero();
        assertThat(machine.read(0, PPR)).isEqualTo(0x50);
        apic.taskPriorityClass(4);
        assertThat(apic.events()).isEqualTo(LocalApic.INTERRUPT);
        assertThat(machine.read(0, TPR)).isEqualTo(0x40);
    }

    @Test
    void givesTheSpuriousVector_whenTheTaskPriorityRoseInBetween() {
        request(0x41);
        apic.taskPriorityClass(15);

        assertThat(apic.acknowledge()).isEqualTo(0xff);
        assertThat(machine.read(0, ISR + 7 * REGISTER_STRIDE)).isZero();
    }

    @Test
    void tellsTheIoApic_whenALevelTriggeredInterruptEnds() {
        apic.deliver(FIXED, 0x41, true);
        request(0x31);
        apic.acknowledge();
        assertThat(machine.read(0, TMR + 2 * REGISTER_STRIDE)).isEqualTo(1 << 1);

        machine.write(0, EOI, 0);
        apic.acknowledge();
        machine.write(0, EOI, 0);

        assertThat(machine.ends).containsExactly(0x41);
    }

    @Test
    void tellsNobody_whenTheGuestSuppressesTheBroadcast() {
        machine.write(0, SVR, SOFTWARE_ENABLED | SVR_SUPPRESS_EOI);
        apic.deliver(FIXED, 0x41, true);
        apic.acknowledge();

        machine.write(0, EOI, 0);

        assertThat(machine.ends).isEmpty();
    }

    @Test
    void takesOnlySignals_whileDisabledBySoftware() {
        machine.write(0, SVR, 0xff);

        assertThat(apic.deliver(FIXED, 0x41, false)).isFalse();
        assertThat(apic.deliver(NMI, 0, false)).isTrue();
        assertThat(apic.events()).isEqualTo(LocalApic.NON_MASKABLE);
    }

    /** One for the processor to take at once, and one to wait while the first is in service. */
    @Test
    void keepsTwoNmis_andNoThird() {
        for (int i = 0; i < 3; i++) apic.deliver(NMI, 0, false);

        assertThat(apic.take(LocalApic.NON_MASKABLE)).isTrue();
        assertThat(apic.events()).isEqualTo(LocalApic.NON_MASKABLE);
        assertThat(apic.take(LocalApic.NON_MASKABLE)).isTrue();
        assertThat(apic.take(LocalApic.NON_MASKABLE)).isFalse();
        assertThat(apic.events()).isZero();
    }

    @Test
    void masksTheTable_andKeepsItMasked_whileDisabledBySoftware() {
        machine.write(0, LVT_ERROR, 0x42);
        machine.write(0, SVR, 0xff);
        assertThat(machine.read(0, LVT_ERROR)).isEqualTo(LVT_MASKED | 0x42);

        machine.write(0, LVT_ERROR, 0x43);

        assertThat(machine.read(0, LVT_ERROR)).isEqualTo(LVT_MASKED | 0x43);
    }

    @Test
    void reportsAVectorOfTheProcessors_andInterrupts() {
        machine.write(0, LVT_ERROR, 0x42);

        request(0x0f);

        assertThat(apic.pendingVector()).isEqualTo(0x42);
        assertThat(machine.read(0, ESR)).as("not latched").isZero();
        machine.write(0, ESR, 0);
        assertThat(machine.read(0, ESR)).isEqualTo(ERROR_RECEIVE_VECTOR);
        machine.write(0, ESR, 0);
        assertThat(machine.read(0, ESR)).isZero();
    }

    @Test
    void reportsAnErrorOnce_whenTheErrorInterruptIsItselfIllegal() {
        machine.write(0, LVT_ERROR, 0x01);

        machine.command(0, 0, FIXED << DELIVERY_MODE_SHIFT | 0x02);

        machine.write(0, ESR, 0);
        assertThat(machine.read(0, ESR)).isEqualTo(ERROR_SEND_VECTOR | ERROR_RECEIVE_VECTOR);
    }

    @Test
    void reportsARegisterThatIsNotThere() {
        assertThat(machine.read(0, 0x040)).isZero();
        machine.write(0, SELF_IPI, 0x41);

        machine.write(0, ESR, 0);
        assertThat(machine.read(0, ESR)).isEqualTo(ERROR_REGISTER);
        assertThat(apic.events()).isZero();
    }

    @Test
    void ignoresWrites_thatAreNotOfAWholeRegister() {
        apic.write(TPR, 1, 0x50);
        apic.write(TPR, 8, 0x50);
        apic.write(TPR + 4, 4, 0x50);
        apic.write(-1L, 4, 0x50);
        apic.write(1L << 40, 4, 0x50);

        assertThat(machine.read(0, TPR)).isZero();
    }

    @Test
    void readsABytesWorth_whenAskedForIt() {
        assertThat(apic.read(VERSION + 2, 1)).isEqualTo(5);
        assertThat(apic.read(VERSION + 4, 4)).isZero();
        assertThat(apic.read(VERSION, 8)).isEqualTo(0x0105_0014L);
    }

    @Test
    void passesThe8259_throughLint0OfTheBootstrapProcessor() {
        apic.reset();
        apic.pin(0).set(true);
        assertThat(apic.events()).isEqualTo(LocalApic.EXTERNAL);
        assertThat(apic.passesExternal()).isTrue();

        apic.pin(0).set(false);
        assertThat(apic.events()).isZero();
        apic.pin(0).set(true);
        machine.write(0, LVT_LINT0, LVT_MASKED);
        assertThat(apic.events()).isZero();
        assertThat(apic.passesExternal()).isFalse();
    }

    @Test
    void interruptsOnAnEdge_whenLint0IsFixed() {
        machine.write(0, LVT_LINT0, 0x41);

        apic.pin(0).set(true);
        apic.acknowledge();
        machine.write(0, EOI, 0);

        assertThat(apic.events()).isZero();
        apic.pin(0).pulse();
        assertThat(apic.events()).as("already high").isZero();
        apic.pin(0).pulse();
        assertThat(apic.pendingVector()).isEqualTo(0x41);
    }

    @Test
    void interruptsAgain_whenALevelAtLint0OutlastsItsInterrupt() {
        machine.write(0, LVT_LINT0, LVT_LEVEL | 0x41);
        apic.pin(0).set(true);
        apic.acknowledge();
        assertThat(machine.read(0, LVT_LINT0)).isEqualTo(LVT_LEVEL | LVT_REMOTE_IRR | 0x41);
        assertThat(apic.events()).isZero();

        machine.write(0, EOI, 0);
        assertThat(apic.acknowledge()).isEqualTo(0x41);
        apic.pin(0).set(false);
        machine.write(0, EOI, 0);

        assertThat(apic.events()).isZero();
        assertThat(machine.read(0, LVT_LINT0)).isEqualTo(LVT_LEVEL | 0x41);
    }

    @Test
    void raisesAnNmi_atTheRiseOfLint1() {
        machine.write(0, LVT_LINT1, NMI << DELIVERY_MODE_SHIFT);

        apic.pin(1).set(true);

        assertThat(apic.take(LocalApic.NON_MASKABLE)).isTrue();
        assertThat(apic.take(LocalApic.NON_MASKABLE)).isFalse();
        assertThat(apic.events()).isZero();
    }

    @Test
    void isThePinsOfAProcessorWithoutAnApic_whenTurnedOff() {
        assertThat(apic.writeMsr(IA32_APIC_BASE, 0xfee0_0000L)).isTrue();

        apic.pin(0).set(true);
        apic.pin(1).set(true);

        assertThat(apic.events()).isEqualTo(LocalApic.EXTERNAL | LocalApic.NON_MASKABLE);
        assertThat(apic.page()).isEqualTo(LocalApic.NO_PAGE);
        assertThat(apic.deliver(INIT, 0, false)).isFalse();
    }

    @Test
    void masksItsEntry_whenAPerformanceCounterInterrupts() {
        machine.write(0, LVT_PERFORMANCE, NMI << DELIVERY_MODE_SHIFT);

        apic.performanceInterrupt();

        assertThat(apic.events()).isEqualTo(LocalApic.NON_MASKABLE);
        assertThat(machine.read(0, LVT_PERFORMANCE)).isEqualTo(LVT_MASKED | NMI << DELIVERY_MODE_SHIFT);
    }

    @Test
    void forgetsInterrupts_andKeepsItsBase_afterAnInit() {
        apic.writeMsr(IA32_APIC_BASE, 0xfee1_0900L);
        request(0x41);

        apic.initialize();

        assertThat(apic.events()).isZero();
        assertThat(machine.read(0, SVR)).isEqualTo(0xff);
        assertThat(apic.page()).isEqualTo(0xfee1_0000L);
    }
}
