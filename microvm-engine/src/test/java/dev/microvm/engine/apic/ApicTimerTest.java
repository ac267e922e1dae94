package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicRegisters.*;
import static dev.microvm.hypervisor.MsrNumbers.IA32_TSC_DEADLINE;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Intel SDM vol. 3A, 11.5.4. */
final class ApicTimerTest {
    private static final int VECTOR = 0x41;
    private static final int DIVIDE_BY_1 = 0b1011;
    private static final int ONE_SHOT = VECTOR;
    private static final int PERIODIC = VECTOR | TIMER_PERIODIC << LVT_TIMER_MODE_SHIFT;
    private static final int DEADLINE = VECTOR | TIMER_TSC_DEADLINE << LVT_TIMER_MODE_SHIFT;

    private final ApicMachine machine = new ApicMachine(1);
    private final LocalApic apic = machine.apic(0);

    @BeforeEach
    void countNanoseconds() {
        machine.write(0, DIVIDE, DIVIDE_BY_1);
    }

    private void endOfInterrupt() {
        apic.acknowledge();
        machine.write(0, EOI, 0);
    }

    @Test
    void interruptsOnce_whenOneShot() {
        machine.write(0, LVT_TIMER, ONE_SHOT);
        machine.write(0, INITIAL_COUNT, 1_000_000);

        machine.clock.advance(999_999);
        assertThat(machine.read(0, CURRENT_COUNT)).isEqualTo(1);
        assertThat(apic.events()).isZero();
        machine.clock.advance(1);

        assertThat(apic.pendingVector()).isEqualTo(VECTOR);
        assertThat(machine.wakes[0]).isEqualTo(1);
        assertThat(machine.read(0, CURRENT_COUNT)).isZero();
        assertThat(machine.read(0, INITIAL_COUNT)).isEqualTo(1_000_000);
        endOfInterrupt();
        machine.clock.advance(10_000_000);
        assertThat(apic.events()).isZero();
        assertThat(machine.clock.armedTimers()).isZero();
    }

    @Test
    void interruptsAgainAndAgain_whenPeriodic() {
        machine.write(0, LVT_TIMER, PERIODIC);
        machine.write(0, INITIAL_COUNT, 1_000_000);

        int interrupts = 0;
        for (int i = 0; i < 10; i++) {
            machine.clock.advance(1_000_000);
            if (apic.pendingVector() == VECTOR) interrupts++;
            endOfInterrupt();
        }

        assertThat(interrupts).isEqualTo(10);
        machine.clock.advance(250_000);
        assertThat(machine.read(0, CURRENT_COUNT)).isEqualTo(750_000);
        machine.write(0, INITIAL_COUNT, 0);
        assertThat(machine.clock.armedTimers()).isZero();
        assertThat(machine.read(0, CURRENT_COUNT)).isZero();
    }

    @Test
    void doesNotWakeTheHostMoreOftenThanItMay_whenThePeriodIsTiny() {
        machine.write(0, LVT_TIMER, PERIODIC);
        machine.write(0, INITIAL_COUNT, 1);

        for (int i = 0; i < 1_000; i++) {
            machine.clock.advance(1_000);
            endOfInterrupt();
        }

        assertThat(machine.wakes[0]).isBetween(1, 1_000_000 / 20_000 + 1);
    }

    @ParameterizedTest
    @CsvSource({
        "0b0000, 2",
        "0b0001, 4",
        "0b0010, 8",
        "0b0011, 16",
        "0b1000, 32",
        "0b1001, 64",
        "0b1010, 128",
        "0b1011, 1"
    })
    void dividesItsClock(String divide, int by) {
        machine.write(0, DIVIDE, Integer.parseInt(divide.substring(2), 2));
        machine.write(0, INITIAL_COUNT, 1_000);

        machine.clock.advance(100L * by);

        assertThat(machine.read(0, CURRENT_COUNT)).isEqualTo(900);
    }

    @Test
    void countsOnFromWhereItIs_whenTheDivisorChanges() {
        machine.write(0, INITIAL_COUNT, 1_000);
        machine.clock.advance(100);

        machine.write(0, DIVIDE, 0); // by 2
        machine.clock.advance(100);

        assertThat(machine.read(0, CURRENT_COUNT)).isEqualTo(850);
    }

    @Test
    void countsWithoutInterruptOrHostTimer_whileMasked() {
        machine.write(0, LVT_TIMER, PERIODIC | LVT_MASKED);
        machine.write(0, INITIAL_COUNT, 1_000_000);
        assertThat(machine.clock.armedTimers()).isZero();

        machine.clock.advance(5_500_000);
        machine.write(0, LVT_TIMER, PERIODIC);

        assertThat(apic.events()).as("what expired masked is lost").isZero();
        assertThat(machine.read(0, CURRENT_COUNT)).isEqualTo(500_000);
        machine.clock.advance(500_000);
        assertThat(apic.pendingVector()).isEqualTo(VECTOR);
    }

    @Test
    void interruptsAtTheDeadline_inTscDeadlineMode() {
        machine.write(0, LVT_TIMER, DEADLINE);
        assertThat(apic.writeMsr(IA32_TSC_DEADLINE, 2_000_000)).isTrue(); // 1 ms at 2 GHz
        assertThat(apic.readMsr(IA32_TSC_DEADLINE)).isEqualTo(2_000_000);

        machine.clock.advance(999_999);
        assertThat(apic.events()).isZero();
        machine.clock.advance(1);

        assertThat(apic.pendingVector()).isEqualTo(VECTOR);
        assertThat(apic.readMsr(IA32_TSC_DEADLINE)).isZero();
    }

    @Test
    void interruptsAtOnce_whenTheDeadlineHasPassed() {
        machine.clock.advance(1_000);
        machine.write(0, LVT_TIMER, DEADLINE);

        apic.writeMsr(IA32_TSC_DEADLINE, 1);

        assertThat(apic.pendingVector()).isEqualTo(VECTOR);
    }

    @Test
    void isDisarmed_byADeadlineOfZero_andByAnotherMode() {
        machine.write(0, LVT_TIMER, DEADLINE);
        apic.writeMsr(IA32_TSC_DEADLINE, 2_000_000);
        apic.writeMsr(IA32_TSC_DEADLINE, 0);
        assertThat(machine.clock.armedTimers()).isZero();

        apic.writeMsr(IA32_TSC_DEADLINE, 2_000_000);
        machine.write(0, LVT_TIMER, ONE_SHOT);

        assertThat(machine.clock.armedTimers()).isZero();
        assertThat(apic.readMsr(IA32_TSC_DEADLINE)).isZero();
    }

    @Test
    void ignoresDeadlinesAndCounts_ofTheOtherMode() {
        machine.write(0, LVT_TIMER, ONE_SHOT);
        apic.writeMsr(IA32_TSC_DEADLINE, 2_000_000);
        assertThat(apic.readMsr(IA32_TSC_DEADLINE)).isZero();

        machine.write(0, LVT_TIMER, DEADLINE);
        machine.write(0, INITIAL_COUNT, 1_000);

        assertThat(machine.read(0, INITIAL_COUNT)).isZero();
        assertThat(machine.clock.armedTimers()).isZero();
    }

    @Test
    void neverFires_whenTheDeadlineIsBeyondTime() {
        LocalApic other = machine.bus.add(1, machine.clock, tsc -> Long.MAX_VALUE, () -> {});
        other.write(SVR, 4, ApicMachine.SOFTWARE_ENABLED);
        other.write(LVT_TIMER, 4, DEADLINE);

        other.writeMsr(IA32_TSC_DEADLINE, -1L);
        machine.clock.advance(1L << 50);

        assertThat(other.events()).isZero();
        assertThat(other.readMsr(IA32_TSC_DEADLINE)).isEqualTo(-1L);
    }
}
