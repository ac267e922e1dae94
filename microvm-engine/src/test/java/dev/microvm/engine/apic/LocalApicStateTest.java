package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicRegisters.*;
import static dev.microvm.hypervisor.MsrNumbers.IA32_TSC_DEADLINE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.hypervisor.LapicState;
import dev.microvm.state.DeviceState;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

final class LocalApicStateTest {
    private final ApicMachine machine = new ApicMachine(2);
    private final LocalApic apic = machine.apic(1);

    private static LocalApic fill(ApicMachine machine) {
        LocalApic apic = machine.apic(1);
        machine.write(1, TPR, 0x20);
        machine.write(1, LDR, 0x0200_0000);
        machine.write(1, LVT_ERROR, 0x51);
        machine.write(1, LVT_TIMER, 0x61 | TIMER_PERIODIC << LVT_TIMER_MODE_SHIFT);
        machine.write(1, DIVIDE, 0b1011);
        machine.write(1, INITIAL_COUNT, 1_000_000);
        machine.command(1, 0, 0x41);
        apic.deliver(FIXED, 0x73, true);
        apic.acknowledge();
        apic.deliver(FIXED, 0x45, false);
        apic.deliver(START_UP, 0x12, false);
        apic.pin(1).set(true);
        machine.clock.advance(300_000);
        return apic;
    }

    @Test
    void goesOnAlike_whenSavedAndRestored() {
        DeviceState saved = fill(machine).save();
        ApicMachine other = new ApicMachine(2);

        other.apic(1).restore(DeviceState.decode(saved.encode()));

        assertThat(other.apic(1).save()).isEqualTo(saved);
        assertThat(other.apic(1).events()).isEqualTo(apic.events());
        other.clock.advance(700_000);
        assertThat(other.read(1, IRR + 3 * REGISTER_STRIDE) & 1 << 1)
                .as("the timer")
                .isNotZero();
        other.write(1, EOI, 0);
        assertThat(other.ends).containsExactly(0x73);
    }

    @Test
    void keepsADeadline_whenSavedAndRestored() {
        machine.write(1, LVT_TIMER, 0x61 | TIMER_TSC_DEADLINE << LVT_TIMER_MODE_SHIFT);
        apic.writeMsr(IA32_TSC_DEADLINE, 2_000_000);
        ApicMachine other = new ApicMachine(2);

        other.apic(1).restore(apic.save());
        other.clock.advance(1_000_000);

        assertThat(other.apic(1).pendingVector()).isEqualTo(0x61);
    }

    @Test
    void keepsItsMode_whenSavedAndRestored() {
        machine.x2Apic(1);
        ApicMachine other = new ApicMachine(2);

        other.apic(1).restore(apic.save());

        assertThat(other.apic(1).mode()).isEqualTo(ApicMode.X2APIC);
        assertThat(other.apic(1).save()).isEqualTo(apic.save());
    }

    @Test
    void isThePageThatKvmKnows() {
        LapicState page = fill(machine).lapicState();

        assertThat(page.registers()[ID + 3]).isEqualTo((byte) 1);
        assertThat(page.registers()[TPR]).isEqualTo((byte) 0x20);
        assertThat(page.registers()[SVR + 1]).isEqualTo((byte) 1);
        assertThat(page.registers()[ISR + 3 * REGISTER_STRIDE + 2])
                .as("vector 0x73")
                .isEqualTo((byte) (1 << 3));
    }

    @Test
    void takesAPageBack() {
        LapicState page = fill(machine).lapicState();
        ApicMachine other = new ApicMachine(2);

        other.apic(1).lapicState(page);

        assertThat(other.apic(1).lapicState()).isEqualTo(page);
    }

    /** KVM has such a page when the guest has not been given the interrupt yet. */
    @Test
    void goesOn_whenAPeriodicTimerIsAtZero() {
        byte[] page = fill(machine).lapicState().registers();
        for (int i = 0; i < Integer.BYTES; i++) page[CURRENT_COUNT + i] = 0;
        page[IRR + 3 * REGISTER_STRIDE] = 0;
        ApicMachine other = new ApicMachine(2);

        other.apic(1).lapicState(new LapicState(page));
        other.clock.advance(1);

        assertThat(other.read(1, IRR + 3 * REGISTER_STRIDE) & 1 << 1).isNotZero();
        assertThat(other.read(1, CURRENT_COUNT)).isBetween(900_000, 1_000_000);
    }

    /** So does KVM write a page whose one-shot timer may have expired without its interrupt. */
    @Test
    void interruptsOnce_whenAOneShotTimerIsDueWithTheNextTick() {
        ApicMachine other = new ApicMachine(2);
        other.apic(1).lapicState(oneShotAt(1));

        other.clock.advance(1);

        assertThat(other.apic(1).acknowledge()).isEqualTo(0x61);
        other.write(1, EOI, 0);
        other.clock.advance(10_000_000);
        assertThat(other.apic(1).pendingVector()).isEqualTo(LocalApic.NONE);
        assertThat(other.read(1, CURRENT_COUNT)).isZero();
    }

    /** One that was served: a machine that is saved and continued does the same as one that runs on. */
    @Test
    void staysQuiet_whenAOneShotTimerIsAtZero() {
        ApicMachine other = new ApicMachine(2);
        other.apic(1).lapicState(oneShotAt(0));

        other.clock.advance(10_000_000);

        assertThat(other.apic(1).pendingVector()).isEqualTo(LocalApic.NONE);
    }

    private LapicState oneShotAt(int count) {
        machine.write(1, LVT_TIMER, 0x61);
        machine.write(1, DIVIDE, 0b1011);
        machine.write(1, INITIAL_COUNT, 1_000_000);
        byte[] page = apic.lapicState().registers();
        ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN).putInt(CURRENT_COUNT, count);
        return new LapicState(page);
    }

    @Test
    void survivesAnyPage() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 1_000; i++) {
            byte[] bytes = new byte[LapicState.SIZE];
            random.nextBytes(bytes);
            apic.lapicState(new LapicState(bytes));
            machine.clock.advance(random.nextInt(1_000_000));
            for (int offset = 0; offset < PAGE_REGISTERS_END; offset += 4) {
                apic.write(offset, 4, random.nextInt());
                apic.read(offset, 4);
            }
            int vector = apic.acknowledge();
            assertThat(vector).isBetween(0, 255);
        }
    }

    @Test
    void refusesTheStateOfAnotherDevice() {
        assertThatIllegalArgumentException().isThrownBy(() -> apic.restore(new DeviceState("ioapic", 1)));
    }
}
