package dev.microvm.devices.legacy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.bus.Bus;
import dev.microvm.devices.firmware.DebugConsole;
import dev.microvm.devices.power.ExitPort;
import dev.microvm.devices.power.PowerOffPort;
import dev.microvm.devices.power.ResetPort;
import dev.microvm.devices.power.SystemControlPortA;
import dev.microvm.state.DeviceState;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The devices of one port: {@link ExitPort}, {@link DebugConsole}, {@link SystemControlPortA},
 * {@link ResetPort}, {@link PowerOffPort}.
 */
final class SmallPortsTest {
    private final List<Integer> heard = new ArrayList<>();
    private int resets;
    private int powerOffs;
    private final ExitPort exit = new ExitPort(heard::add);
    private final DebugConsole console = new DebugConsole(heard::add);
    private final SystemControlPortA portA = new SystemControlPortA(() -> resets++);
    private final ResetPort resetPort = new ResetPort(() -> resets++);
    private final PowerOffPort powerOff = new PowerOffPort(() -> powerOffs++);

    @Test
    void exitsWithCode_whenWrittenInAnyWidth() {
        exit.write(0, 1, 0x80);
        exit.write(0, 2, 0x1234);
        exit.write(0, 4, 0x12345678);

        assertThat(heard).containsExactly(0x80, 0x1234, 0x12345678);
    }

    @Test
    void doesNotExit_whenOtherBytesAreWrittenOrAnyIsRead() {
        exit.write(1, 1, 7);

        assertThat(exit.read(0, 4)).isZero();
        assertThat(heard).isEmpty();
    }

    @Test
    void printsAndIdentifiesItself_whenFirmwareUsesDebugConsole() {
        console.write(0, 1, 'x');

        assertThat(console.read(0, 1)).isEqualTo(0xe9);
        assertThat(heard).containsExactly((int) 'x');
    }

    @Test
    void resets_whenFastResetGoesHigh() {
        portA.writeByte(0, 0b11);
        portA.writeByte(0, 0b11); // still high

        assertThat(resets).isEqualTo(1);
        portA.writeByte(0, 0b10);
        portA.writeByte(0, 0b11);
        assertThat(resets).isEqualTo(2);
    }

    @Test
    void readsBackFastA20_whenWritten() {
        int first = portA.readByte(0);
        portA.writeByte(0, 0);

        assertThat(first).isEqualTo(0b10);
        assertThat(portA.readByte(0)).isZero();
    }

    /** Linux's reboot=p writes 2, then 6. */
    @Test
    void resets_whenResetControlBitTwoGoesHigh() {
        resetPort.writeByte(0, 0x2);
        int afterKind = resets;
        resetPort.writeByte(0, 0x6);

        assertThat(afterKind).isZero();
        assertThat(resets).isEqualTo(1);
        assertThat(resetPort.readByte(0)).isEqualTo(0x6);
    }

    @Test
    void doesNotResetAgain_whenRestoredWithBitHigh() {
        resetPort.writeByte(0, 0x6);
        portA.writeByte(0, 0b01);
        DeviceState resetState = DeviceState.decode(resetPort.save().encode());
        DeviceState portAState = DeviceState.decode(portA.save().encode());
        resetPort.reset();
        portA.reset();

        resetPort.restore(resetState);
        portA.restore(portAState);

        resetPort.writeByte(0, 0x6);
        portA.writeByte(0, 0b01);
        assertThat(resets).as("of the first writes").isEqualTo(2);
    }

    /** As small kernels write it, for QEMU, VirtualBox and ICH9; by word, by half, and with more behind. */
    @ParameterizedTest
    @CsvSource({"0, 2, 0x2000", "0, 2, 0x3400", "0, 2, 0x3c00", "0, 2, 0x2001", "1, 1, 0x20", "0, 4, 0x12342000"})
    void turnsOff_whenSleepIsEnabledWithATypeOfSoftOff(long offset, int size, long value) {
        powerOff.write(offset, size, value);

        assertThat(powerOffs).isEqualTo(1);
    }

    /** Without SLP_EN, with a type of suspend, or in the reserved half. */
    @ParameterizedTest
    @CsvSource({"0, 2, 0x0000", "0, 2, 0x1400", "0, 2, 0x2400", "0, 1, 0x20", "2, 2, 0x2000", "3, 1, 0x20"})
    void staysOn_whenNothingAsksForSoftOff(long offset, int size, long value) {
        powerOff.write(offset, size, value);

        assertThat(powerOffs).isZero();
        assertThat(powerOff.read(offset, size)).isZero();
    }

    @Test
    void restoresNothing_whenThereIsNoState() {
        exit.restore(DeviceState.decode(exit.save().encode()));
        console.restore(DeviceState.decode(console.save().encode()));
        powerOff.restore(DeviceState.decode(powerOff.save().encode()));

        assertThat(heard).isEmpty();
    }

    @Test
    void answersWideAccess_onARealBus() {
        Bus bus = new Bus("port");
        bus.add(0xf4, ExitPort.RANGE, "exit", exit);
        bus.add(0x92, 1, "port A", portA);

        bus.write(0xf4, 4, 42);

        assertThat(heard).containsExactly(42);
        assertThat(bus.read(0x92, 2)).as("beyond the end: nobody").isEqualTo(0xffff);
    }

    @Test
    void neverThrows_whenAccessedAtRandom() {
        Random random = new Random(0xf4);
        for (int i = 0; i < 100_000; i++) {
            int size = 1 << random.nextInt(3);
            exit.write(random.nextInt(5 - size), size, random.nextInt());
            exit.read(0, size);
            powerOff.write(random.nextInt(5 - size), size, random.nextInt());
            console.write(0, 1, random.nextInt(256));
            portA.write(0, size, random.nextInt());
            resetPort.write(0, size, random.nextInt());
            portA.read(0, size);
            resetPort.read(0, size);
            if (heard.size() > 1000) heard.clear();
        }
        assertThat(resets).isPositive();
    }
}
