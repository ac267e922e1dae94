package dev.microvm.devices.power;

import static dev.microvm.devices.power.GenericEventDevice.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.bus.Bus;
import dev.microvm.state.DeviceState;
import dev.microvm.testing.FakeIrqLine;
import org.junit.jupiter.api.Test;

final class GenericEventDeviceTest {
    private static final int SLP_EN = 0x20;

    private final FakeIrqLine irq = new FakeIrqLine();
    private int powerOffs;
    private int resets;
    private final GenericEventDevice device = new GenericEventDevice(irq, () -> powerOffs++, () -> resets++);

    @Test
    void interruptsWithItsBit_whenPowerButtonIsPressed() {
        device.pressPowerButton();

        assertThat(irq.risingEdges()).isEqualTo(1);
        assertThat(irq.isHigh()).isFalse();
        assertThat(device.read(EVENT_SELECT, 4)).isEqualTo(0x2);
    }

    @Test
    void clearsEvents_whenTheyAreRead() {
        device.pressPowerButton();
        device.read(EVENT_SELECT, 4);

        assertThat(device.read(EVENT_SELECT, 4)).isZero();
    }

    @Test
    void interruptsAgain_whenPressedBeforeTheGuestLooked() {
        device.pressPowerButton();
        device.pressPowerButton();

        assertThat(irq.risingEdges()).isEqualTo(2);
        assertThat(device.read(EVENT_SELECT, 4)).isEqualTo(POWER_BUTTON);
    }

    @Test
    void keepsEvents_whenReadInAnotherWidth() {
        device.pressPowerButton();

        assertThat(device.read(EVENT_SELECT, 1)).isZero();
        assertThat(device.read(EVENT_SELECT, 8)).isZero();
        assertThat(device.read(EVENT_SELECT, 4)).isEqualTo(POWER_BUTTON);
    }

    @Test
    void turnsOff_whenS5IsEntered() {
        device.write(SLEEP_CONTROL, 1, SLP_EN | (SLEEP_TYPE_S5 << 2));

        assertThat(powerOffs).isEqualTo(1);
        assertThat(resets).isZero();
    }

    @Test
    void keepsRunning_whenAnotherSleepStateOrNoneIsEntered() {
        device.write(SLEEP_CONTROL, 1, SLEEP_TYPE_S5 << 2);
        device.write(SLEEP_CONTROL, 1, SLP_EN | (4 << 2));
        device.write(SLEEP_CONTROL, 4, SLP_EN | (SLEEP_TYPE_S5 << 2));
        device.write(SLEEP_STATUS, 1, SLP_EN | (SLEEP_TYPE_S5 << 2));

        assertThat(powerOffs).isZero();
    }

    @Test
    void resets_whenItsValueIsWritten() {
        device.write(RESET, 1, 0x41);
        int other = resets;
        device.write(RESET, 1, RESET_VALUE);

        assertThat(other).isZero();
        assertThat(resets).isEqualTo(1);
        assertThat(powerOffs).isZero();
    }

    @Test
    void readsZero_fromSleepAndResetRegisters() {
        assertThat(device.read(SLEEP_CONTROL, 1)).isZero();
        assertThat(device.read(SLEEP_STATUS, 1)).isZero();
        assertThat(device.read(RESET, 1)).isZero();
    }

    @Test
    void forgetsEvents_whenReset() {
        device.pressPowerButton();

        device.reset();

        assertThat(device.read(EVENT_SELECT, 4)).isZero();
    }

    @Test
    void keepsEventsWithoutAnotherEdge_whenRestored() {
        device.pressPowerButton();
        DeviceState state = DeviceState.decode(device.save().encode());
        FakeIrqLine otherIrq = new FakeIrqLine();
        GenericEventDevice other = new GenericEventDevice(otherIrq, () -> {}, () -> {});

        other.restore(state);

        assertThat(other.save()).isEqualTo(state);
        assertThat(otherIrq.risingEdges()).isZero();
        assertThat(other.read(EVENT_SELECT, 4)).isEqualTo(POWER_BUTTON);
    }

    @Test
    void answersOnARealBus() {
        Bus bus = new Bus("memory");
        bus.add(0xfea0_0000L, RANGE, "generic event device", device);
        device.pressPowerButton();

        assertThat(bus.read(0xfea0_0000L, 4)).isEqualTo(POWER_BUTTON);
        bus.write(0xfea0_0202L, 1, RESET_VALUE);
        assertThat(resets).isEqualTo(1);
    }
}
