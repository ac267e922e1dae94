package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.I8042Registers.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.state.DeviceState;
import dev.microvm.testing.FakeIrqLine;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class I8042Test {
    private final FakeIrqLine irq = new FakeIrqLine();
    private int resets;
    private final I8042 controller = new I8042(irq, () -> resets++);

    @Test
    void resets_whenCommandFePulsesTheLine() {
        command(0xfe);

        assertThat(resets).isEqualTo(1);
    }

    @Test
    void doesNotReset_whenPulseLeavesBitZeroAlone() {
        command(0xff);
        command(0xfd);

        assertThat(resets).isZero();
    }

    @Test
    void resets_whenOutputPortIsWrittenWithBitZeroClear() {
        command(WRITE_OUTPUT_PORT);
        data(OUTPUT_A20);

        assertThat(resets).isEqualTo(1);
    }

    @Test
    void showsEmptyReadyController_initially() {
        assertThat(status()).isEqualTo(STATUS_NOT_LOCKED | STATUS_SYSTEM);
    }

    @Test
    void passesSelfTest_whenAsked() {
        command(SELF_TEST);

        assertThat(status() & STATUS_OUTPUT_FULL).isEqualTo(STATUS_OUTPUT_FULL);
        assertThat(controller.readByte(DATA)).isEqualTo(SELF_TEST_PASSED);
        assertThat(status() & STATUS_OUTPUT_FULL).isZero();
    }

    @Test
    void passesKeyboardTest_whenAsked() {
        assertThat(ask(KEYBOARD_TEST)).isEqualTo(TEST_PASSED);
    }

    @Test
    void keepsConfiguration_whenWritten() {
        command(WRITE_CONFIG);
        data(0x41);

        assertThat(ask(READ_CONFIG)).isEqualTo(0x41);
    }

    @Test
    void changesConfiguration_whenPortsAreSwitched() {
        command(KEYBOARD_DISABLE);
        command(AUX_ENABLE);

        assertThat(ask(READ_CONFIG) & (CONFIG_KEYBOARD_DISABLED | CONFIG_AUX_DISABLED))
                .isEqualTo(CONFIG_KEYBOARD_DISABLED);
        command(KEYBOARD_ENABLE);
        command(AUX_DISABLE);
        assertThat(ask(READ_CONFIG) & (CONFIG_KEYBOARD_DISABLED | CONFIG_AUX_DISABLED))
                .isEqualTo(CONFIG_AUX_DISABLED);
    }

    @Test
    void readsBackA20_whenSetByEachCommand() {
        command(DISABLE_A20);
        int disabled = ask(READ_OUTPUT_PORT);
        command(ENABLE_A20);
        int enabled = ask(READ_OUTPUT_PORT);
        command(WRITE_OUTPUT_PORT);
        data(OUTPUT_NOT_RESET);

        assertThat(disabled & OUTPUT_A20).isZero();
        assertThat(enabled & OUTPUT_A20).isEqualTo(OUTPUT_A20);
        assertThat(ask(READ_OUTPUT_PORT) & (OUTPUT_A20 | OUTPUT_NOT_RESET)).isEqualTo(OUTPUT_NOT_RESET);
    }

    @Test
    void showsWhatWasWrittenLast_inStatus() {
        command(KEYBOARD_ENABLE);
        int afterCommand = status() & STATUS_COMMAND_LAST;
        data(0xff);

        assertThat(afterCommand).isEqualTo(STATUS_COMMAND_LAST);
        assertThat(status() & STATUS_COMMAND_LAST).isZero();
    }

    /** Linux's i8042_check_aux: loop test, then port test; neither may pass, neither may wait. */
    @Test
    void answersWithoutAuxiliaryPort_whenLinuxLooksForOne() {
        command(AUX_LOOP);
        data(0x5a);
        int loopStatus = status();
        int loopAnswer = controller.readByte(DATA);

        assertThat(loopStatus & STATUS_OUTPUT_FULL).isEqualTo(STATUS_OUTPUT_FULL);
        assertThat(loopAnswer).isNotEqualTo(0x5a);
        assertThat(ask(AUX_TEST)).isNotIn(0x00, 0xfa, 0xff);
    }

    @Test
    void answersTimeoutWithInterrupt_whenByteIsSentToKeyboard() {
        data(0xf2);

        assertThat(irq.isHigh()).isTrue();
        assertThat(status() & (STATUS_OUTPUT_FULL | STATUS_TIMEOUT)).isEqualTo(STATUS_OUTPUT_FULL | STATUS_TIMEOUT);
        assertThat(controller.readByte(DATA)).isEqualTo(RESEND);
        assertThat(irq.isHigh()).isFalse();
        assertThat(status() & (STATUS_OUTPUT_FULL | STATUS_TIMEOUT)).isZero();
    }

    @Test
    void enablesKeyboard_whenAByteIsSentToIt() {
        command(KEYBOARD_DISABLE);
        data(0xf4);
        controller.readByte(DATA);

        assertThat(ask(READ_CONFIG) & CONFIG_KEYBOARD_DISABLED).isZero();
    }

    @Test
    void answersTimeout_whenByteIsSentToTheAuxiliaryPortThatIsNotThere() {
        command(AUX_SEND);
        data(0xf2);

        assertThat(status() & (STATUS_OUTPUT_FULL | STATUS_TIMEOUT)).isEqualTo(STATUS_OUTPUT_FULL | STATUS_TIMEOUT);
        assertThat(controller.readByte(DATA)).isEqualTo(RESEND);
    }

    @Test
    void forgetsParameter_whenAnotherCommandComesFirst() {
        int before = ask(READ_CONFIG);
        command(WRITE_CONFIG);
        command(SELF_TEST);
        data(0);
        controller.readByte(DATA);

        assertThat(ask(READ_CONFIG)).isEqualTo(before);
    }

    @Test
    void doesNotInterrupt_whenConfigurationForbids() {
        command(WRITE_CONFIG);
        data(CONFIG_SYSTEM);
        data(0xf2);

        assertThat(irq.isHigh()).isFalse();
        assertThat(status() & STATUS_OUTPUT_FULL).isEqualTo(STATUS_OUTPUT_FULL);
    }

    @Test
    void doesNotInterrupt_whenControllerAnswersItself() {
        command(SELF_TEST);

        assertThat(irq.risingEdges()).isZero();
    }

    @Test
    void returnsByte_whenLoopedThroughKeyboardBuffer() {
        command(KEYBOARD_LOOP);
        data(0x1c);

        assertThat(irq.isHigh()).isTrue();
        assertThat(controller.readByte(DATA)).isEqualTo(0x1c);
    }

    @Test
    void reachesCommandPort_throughPartFromFour() {
        ByteDevice commandPort = controller.from(STATUS_COMMAND);
        commandPort.write(0, 1, SELF_TEST);

        assertThat(commandPort.read(0, 1) & STATUS_OUTPUT_FULL).isEqualTo(STATUS_OUTPUT_FULL);
        assertThat(controller.read(0, 1)).isEqualTo(SELF_TEST_PASSED);
    }

    @Test
    void continuesIdentically_whenRestoredInMidCommand() {
        data(0xf2);
        command(WRITE_CONFIG);
        DeviceState state = DeviceState.decode(controller.save().encode());
        FakeIrqLine otherIrq = new FakeIrqLine();
        I8042 other = new I8042(otherIrq, () -> resets++);

        other.restore(state);

        assertThat(other.save()).isEqualTo(state);
        assertThat(otherIrq.isHigh()).isTrue();
        other.writeByte(DATA, 0x41);
        other.writeByte(STATUS_COMMAND, READ_CONFIG);
        assertThat(other.readByte(DATA)).isEqualTo(0x41);
    }

    @Test
    void returnsToItsInitialState_whenReset() {
        DeviceState first = controller.save();
        data(0xf2);
        command(WRITE_OUTPUT_PORT);

        controller.reset();

        assertThat(controller.save()).isEqualTo(first);
        assertThat(irq.isHigh()).isFalse();
    }

    @Test
    void neverThrows_whenAccessedAtRandom() {
        Random random = new Random(0x8042);
        for (int i = 0; i < 300_000; i++) {
            int offset = random.nextInt(2) * STATUS_COMMAND;
            if (random.nextBoolean()) controller.write(offset, 1, random.nextLong());
            else controller.read(offset, 1);
            if (i % 64 == 0) controller.restore(controller.save());
        }
        assertThat(resets).isPositive();
    }

    private void command(int command) {
        controller.writeByte(STATUS_COMMAND, command);
    }

    private void data(int value) {
        controller.writeByte(DATA, value);
    }

    private int status() {
        return controller.readByte(STATUS_COMMAND);
    }

    private int ask(int command) {
        command(command);
        return controller.readByte(DATA);
    }
}
