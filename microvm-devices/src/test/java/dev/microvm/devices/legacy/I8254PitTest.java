package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.I8254Registers.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.state.DeviceState;
import dev.microvm.testing.FakeIrqLine;
import dev.microvm.testing.ManualClock;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * In most tests counter 2, whose gate port B drives and whose output it shows; counter 0 where the
 * interrupt matters.
 */
final class I8254PitTest {
    private static final long SECOND = 1_000_000_000L;
    private static final int PORT_B = 0;

    private final ManualClock clock = new ManualClock();
    private final FakeIrqLine irq = new FakeIrqLine();
    private final I8254Pit pit = new I8254Pit(irq, clock);
    private final SystemControlPortB portB = new SystemControlPortB(pit);
    private long clocks; // that have passed

    // ---- mode 0

    @Test
    void risesAfterCountPlusOne_inMode0() {
        gate(true);
        program(2, MODE_TERMINAL_COUNT, 100);
        boolean atFirst = output();
        pass(100);
        boolean afterCount = output();

        pass(1);

        assertThat(atFirst).isFalse();
        assertThat(afterCount).isFalse();
        assertThat(output()).isTrue();
        pass(1_000_000);
        assertThat(output()).as("until it is written anew").isTrue();
    }

    @Test
    void continuesCounting_afterTerminalCountInMode0() {
        gate(true);
        program(2, MODE_TERMINAL_COUNT, 100);
        pass(1 + 100 + 1);

        assertThat(count(2)).isEqualTo(0xffff);
    }

    @Test
    void stopsCounting_whileGateIsLowInMode0() {
        gate(true);
        program(2, MODE_TERMINAL_COUNT, 100);
        pass(1 + 40);
        gate(false);
        pass(500);
        int stopped = count(2);
        gate(true);
        pass(59);
        boolean before = output();
        pass(1);

        assertThat(stopped).isEqualTo(60);
        assertThat(before).isFalse();
        assertThat(output()).isTrue();
    }

    @Test
    void fallsAtFirstByte_whenWrittenAnewInMode0() {
        gate(true);
        program(2, MODE_TERMINAL_COUNT, 3);
        pass(10);
        boolean before = output();

        pit.writeByte(2, 50);
        pass(100);

        assertThat(before).isTrue();
        assertThat(output()).as("waits for the second byte").isFalse();
        pit.writeByte(2, 0);
        pass(51);
        assertThat(output()).isTrue();
    }

    @Test
    void loadsCountWrittenWhileGateIsLow_andNeedsNoMoreClockThanThatInMode0() {
        program(2, MODE_TERMINAL_COUNT, 10);
        pass(100);
        gate(true);
        pass(9);
        boolean before = output();
        pass(1);

        assertThat(before).isFalse();
        assertThat(output()).isTrue();
    }

    // ---- mode 1

    @Test
    void isLowForCount_afterTriggerInMode1() {
        program(2, MODE_ONE_SHOT, 10);
        pass(50);
        boolean untriggered = output();
        gate(true);
        pass(1);
        boolean triggered = output();
        pass(9);
        boolean last = output();
        pass(1);

        assertThat(untriggered).isTrue();
        assertThat(triggered).isFalse();
        assertThat(last).isFalse();
        assertThat(output()).isTrue();
    }

    @Test
    void beginsAnew_whenTriggeredAgainInMode1() {
        program(2, MODE_ONE_SHOT, 10);
        gate(true);
        pass(6);
        gate(false);
        gate(true);
        pass(10);
        boolean stillLow = output();
        pass(1);

        assertThat(stillLow).isFalse();
        assertThat(output()).isTrue();
    }

    @Test
    void keepsPulse_whenNewCountIsWrittenInMode1() {
        program(2, MODE_ONE_SHOT, 10);
        gate(true);
        pass(5);
        write(2, 1000);
        pass(6);

        assertThat(output()).isTrue();
    }

    @Test
    void takesNewCountAtNextTrigger_inMode1() {
        program(2, MODE_ONE_SHOT, 10);
        gate(true);
        pass(5);
        write(2, 3);
        pass(20);
        gate(false);
        gate(true);
        pass(1);

        assertThat(wave(5)).isEqualTo("LLLHH");
    }

    // ---- mode 2

    @Test
    void isLowForOneClockInEachPeriod_inMode2() {
        gate(true);
        program(2, MODE_RATE, 5);
        pass(1);

        assertThat(wave(15)).isEqualTo("HHHHLHHHHLHHHHL");
    }

    @Test
    void countsFromCountToOne_inMode2() {
        gate(true);
        program(2, MODE_RATE, 3);
        pass(1);
        int first = count(2);
        pass(2);
        int last = count(2);
        pass(1);

        assertThat(first).isEqualTo(3);
        assertThat(last).isEqualTo(1);
        assertThat(count(2)).isEqualTo(3);
    }

    @Test
    void reloads_whenGateRisesInMode2() {
        gate(true);
        program(2, MODE_RATE, 5);
        pass(1 + 4);
        boolean low = output();
        gate(false);
        boolean gated = output();
        pass(3);
        gate(true);
        pass(1);

        assertThat(low).isFalse();
        assertThat(gated).as("high at once").isTrue();
        assertThat(wave(5)).isEqualTo("HHHHL");
    }

    @Test
    void takesNewCountAtEndOfPeriod_inMode2() {
        gate(true);
        program(2, MODE_RATE, 5);
        pass(1 + 2);
        write(2, 3);

        assertThat(wave(9)).isEqualTo("HHLHHLHHL");
    }

    // ---- mode 3

    @Test
    void isHighForHalf_inMode3WithEvenCount() {
        gate(true);
        program(2, MODE_SQUARE, 6);
        pass(1);

        assertThat(wave(12)).isEqualTo("HHHLLLHHHLLL");
    }

    @Test
    void isHighOneLonger_inMode3WithOddCount() {
        gate(true);
        program(2, MODE_SQUARE, 5);
        pass(1);

        assertThat(wave(10)).isEqualTo("HHHLLHHHLL");
    }

    @Test
    void countsDownByTwo_inMode3() {
        gate(true);
        program(2, MODE_SQUARE, 6);
        pass(1);
        int first = count(2);
        pass(1);
        int second = count(2);
        pass(2);

        assertThat(first).isEqualTo(6);
        assertThat(second).isEqualTo(4);
        assertThat(count(2)).as("the low half").isEqualTo(6);
    }

    @Test
    void beginsEachHalfOneLower_inMode3WithOddCount() {
        gate(true);
        program(2, MODE_SQUARE, 5);
        pass(1);
        int first = count(2);
        pass(1);
        int second = count(2);
        pass(2); // the high half has three clocks

        assertThat(first).isEqualTo(4);
        assertThat(second).isEqualTo(2);
        assertThat(count(2)).as("the low half").isEqualTo(4);
    }

    @Test
    void waitsForGate_inMode3() {
        program(2, MODE_SQUARE, 4);
        pass(50);
        boolean waiting = output();
        gate(true);
        pass(1);

        assertThat(waiting).isTrue();
        assertThat(wave(6)).isEqualTo("HHLLHH");
    }

    @Test
    void takesNewCountAtEndOfHalf_inMode3() {
        gate(true);
        program(2, MODE_SQUARE, 8);
        pass(1 + 1);
        write(2, 4);

        assertThat(wave(9))
                .as("the rest of the old high half, then the new low half")
                .isEqualTo("HHHLLHHLL");
    }

    @Test
    void isHighAndReloads_withGateInMode3() {
        gate(true);
        program(2, MODE_SQUARE, 6);
        pass(1 + 4);
        boolean low = output();
        gate(false);
        boolean gated = output();
        pass(7);
        gate(true);
        pass(1);

        assertThat(low).isFalse();
        assertThat(gated).isTrue();
        assertThat(wave(6)).isEqualTo("HHHLLL");
    }

    // ---- modes 4 and 5

    @Test
    void strobesOnce_inMode4() {
        gate(true);
        program(2, MODE_SOFTWARE_STROBE, 4);
        pass(1);

        assertThat(wave(8)).isEqualTo("HHHHLHHH");
    }

    @Test
    void strobesAgain_whenCountIsWrittenInMode4() {
        gate(true);
        program(2, MODE_SOFTWARE_STROBE, 4);
        pass(3);
        write(2, 4);
        pass(1);

        assertThat(wave(8)).isEqualTo("HHHHLHHH");
    }

    @Test
    void stopsCounting_whileGateIsLowInMode4() {
        gate(true);
        program(2, MODE_SOFTWARE_STROBE, 4);
        pass(1 + 2);
        gate(false);
        pass(10);
        gate(true);

        assertThat(wave(4)).isEqualTo("HHLH");
    }

    @Test
    void strobesAfterTrigger_inMode5() {
        program(2, MODE_HARDWARE_STROBE, 4);
        pass(20);
        boolean untriggered = output();
        gate(true);
        pass(1);

        assertThat(untriggered).isTrue();
        assertThat(wave(7)).isEqualTo("HHHHLHH");
    }

    @Test
    void beginsAnew_whenTriggeredAgainInMode5() {
        program(2, MODE_HARDWARE_STROBE, 4);
        gate(true);
        pass(1 + 2);
        gate(false);
        gate(true);
        pass(1);

        assertThat(wave(7)).isEqualTo("HHHHLHH");
    }

    @Test
    void takesNewCountAtNextTrigger_inMode5() {
        program(2, MODE_HARDWARE_STROBE, 4);
        gate(true);
        pass(1);
        write(2, 2);
        String old = wave(6);
        gate(false);
        gate(true);
        pass(1);

        assertThat(old).isEqualTo("HHHHLH");
        assertThat(wave(5)).isEqualTo("HHLHH");
    }

    @Test
    void takesModes6And7_as2And3() {
        gate(true);
        program(2, 6, 5);
        pass(1);
        String six = wave(5);
        program(2, 7, 4);
        pass(1);

        assertThat(six).isEqualTo("HHHHL");
        assertThat(wave(4)).isEqualTo("HHLL");
    }

    // ---- counts

    @Test
    void countsFrom65536_whenZeroIsWritten() {
        gate(true);
        program(2, MODE_TERMINAL_COUNT, 0);
        pass(1 + 0x1_0000 - 1);
        boolean before = output();
        pass(1);

        assertThat(before).isFalse();
        assertThat(output()).isTrue();
    }

    @Test
    void countsInDecimal_whenBcdIsSet() {
        gate(true);
        control(2, ACCESS_LOW_HIGH, MODE_TERMINAL_COUNT, CW_BCD);
        write(2, 0x1000);
        pass(1 + 1);

        assertThat(count(2)).isEqualTo(0x0999);
        pass(999 + 1);
        assertThat(count(2)).as("below zero").isEqualTo(0x9999);
    }

    @Test
    void dividesInDecimal_whenBcdIsSetInMode2() {
        gate(true);
        control(2, ACCESS_LOW_HIGH, MODE_RATE, CW_BCD);
        write(2, 0x0012);
        pass(1 + 2);
        int afterTwo = count(2);
        pass(9);
        boolean last = output();
        pass(1);

        assertThat(afterTwo).isEqualTo(0x0010);
        assertThat(last).isFalse();
        assertThat(output()).isTrue();
        assertThat(count(2)).isEqualTo(0x0012);
    }

    @Test
    void dividesInDecimal_whenBcdIsSetInMode3() {
        gate(true);
        control(2, ACCESS_LOW_HIGH, MODE_SQUARE, CW_BCD);
        write(2, 0x0010);
        pass(1 + 1);

        assertThat(count(2)).isEqualTo(0x0008);
        pass(9);
        assertThat(wave(10)).isEqualTo("HHHHHLLLLL");
    }

    @Test
    void countsFrom10000_whenZeroIsWrittenInBcd() {
        gate(true);
        control(2, ACCESS_LOW_HIGH, MODE_TERMINAL_COUNT, CW_BCD);
        write(2, 0);
        pass(1 + 9_999);
        boolean before = output();
        pass(1);

        assertThat(before).isFalse();
        assertThat(output()).isTrue();
    }

    @Test
    void loadsOneByte_whenAccessIsLowOrHighOnly() {
        gate(true);
        control(2, ACCESS_LOW, MODE_TERMINAL_COUNT, 0);
        pit.writeByte(2, 0x12);
        pass(1);
        int low = pit.readByte(2);
        control(2, ACCESS_HIGH, MODE_TERMINAL_COUNT, 0);
        pit.writeByte(2, 0x12);
        pass(1);

        assertThat(low).isEqualTo(0x12);
        assertThat(pit.readByte(2)).isEqualTo(0x12);
        pass(1);
        assertThat(pit.readByte(2)).as("0x11ff").isEqualTo(0x11);
    }

    // ---- reading

    @Test
    void holdsCount_whenLatched() {
        gate(true);
        program(2, MODE_TERMINAL_COUNT, 0x1234);
        pass(1);
        latch(2);
        pass(500);
        latch(2); // ignored: the first is not read

        assertThat(readTwice(2)).isEqualTo(0x1234);
        assertThat(readTwice(2)).as("now unlatched").isEqualTo(0x1234 - 500);
    }

    @Test
    void latchesSeveral_whenReadBack() {
        gate(true);
        program(1, MODE_RATE, 1000);
        program(2, MODE_TERMINAL_COUNT, 2000);
        pass(1 + 10);
        control((CW_READ_BACK << CW_SELECT_SHIFT) | READ_BACK_NOT_STATUS | 0b1100);
        pass(100);

        assertThat(readTwice(1)).isEqualTo(990);
        assertThat(readTwice(2)).isEqualTo(1990);
    }

    @Test
    void showsStatusThenCount_whenBothAreReadBack() {
        gate(true);
        program(2, MODE_SQUARE, 100);
        pass(1 + 60);
        control((CW_READ_BACK << CW_SELECT_SHIFT) | 0b1000);

        assertThat(pit.readByte(2)).as("low, loaded").isEqualTo((ACCESS_LOW_HIGH << 4) | (MODE_SQUARE << 1));
        assertThat(readTwice(2)).isEqualTo(100 - 2 * 10);
    }

    @Test
    void keepsFirstStatus_whenReadBackAgainBeforeItIsRead() {
        gate(true);
        program(2, MODE_TERMINAL_COUNT, 10);
        pass(1);
        control((CW_READ_BACK << CW_SELECT_SHIFT) | READ_BACK_NOT_COUNT | 0b1000);
        pass(20);
        control((CW_READ_BACK << CW_SELECT_SHIFT) | READ_BACK_NOT_COUNT | 0b1000);

        assertThat(pit.readByte(2) & STATUS_OUTPUT).as("of the first").isZero();
        assertThat(status(2) & STATUS_OUTPUT).as("of a later").isEqualTo(STATUS_OUTPUT);
    }

    @Test
    void dropsLatch_whenProgrammedAnew() {
        gate(true);
        program(2, MODE_TERMINAL_COUNT, 1000);
        pass(1);
        latch(2);
        program(2, MODE_TERMINAL_COUNT, 500);
        pass(1);

        assertThat(readTwice(2)).isEqualTo(500);
    }

    @Test
    void readsAndWritesByteByByte_eachInItsOwnOrder() {
        gate(true);
        program(2, MODE_RATE, 0x1234);
        pass(1);
        latch(2);
        int low = pit.readByte(2);
        pit.writeByte(2, 0x20);
        int high = pit.readByte(2);
        pit.writeByte(2, 0x00);
        pass(0x1234);

        assertThat(low).isEqualTo(0x34);
        assertThat(high).isEqualTo(0x12);
        assertThat(count(2)).as("the new count").isEqualTo(0x0020);
    }

    @Test
    void showsNullCount_untilCountIsLoaded() {
        gate(true);
        control(2, ACCESS_LOW_HIGH, MODE_RATE, 0);
        int programmed = status(2);
        write(2, 100);
        int written = status(2);
        pass(1);
        int loaded = status(2);
        write(2, 50);
        int waits = status(2);
        pass(100);

        assertThat(programmed & STATUS_NULL_COUNT).isEqualTo(STATUS_NULL_COUNT);
        assertThat(written & STATUS_NULL_COUNT).isEqualTo(STATUS_NULL_COUNT);
        assertThat(loaded & STATUS_NULL_COUNT).isZero();
        assertThat(waits & STATUS_NULL_COUNT).isEqualTo(STATUS_NULL_COUNT);
        assertThat(status(2) & STATUS_NULL_COUNT).isZero();
    }

    @Test
    void readsControlWord_asOpenBus() {
        assertThat(pit.readByte(CONTROL_WORD)).isEqualTo(OPEN_BUS);
    }

    // ---- the interrupt

    @Test
    void interruptsAtRate_inMode2() {
        program(0, MODE_RATE, 11_932); // 99.998 Hz
        irq.takeRisingEdges();

        clock.advance(60 * SECOND);

        assertThat(irq.takeRisingEdges()).isEqualTo((int) (60 * CLOCK_HZ / 11_932));
    }

    @Test
    void interruptsAtRate_inMode3() {
        program(0, MODE_SQUARE, 0); // 18.2 Hz
        irq.takeRisingEdges();

        clock.advance(60 * SECOND);

        assertThat(irq.takeRisingEdges()).isEqualTo((int) (60 * CLOCK_HZ / 0x1_0000));
    }

    @Test
    void interruptsOnce_inMode0() {
        program(0, MODE_TERMINAL_COUNT, 1000);
        boolean atFirst = irq.isHigh();
        pass(1000);
        boolean before = irq.isHigh();
        pass(1);

        assertThat(atFirst).isFalse();
        assertThat(before).isFalse();
        assertThat(irq.isHigh()).isTrue();
        clock.advance(SECOND);
        assertThat(irq.risingEdges()).isEqualTo(1);
        assertThat(clock.armedTimers()).isZero();
    }

    /** How Linux uses it for one-shot events. */
    @Test
    void interruptsOnceForEachCount_inMode4() {
        program(0, MODE_SOFTWARE_STROBE, 1000);
        irq.takeRisingEdges();
        pass(1002);
        int first = irq.takeRisingEdges();
        write(0, 500);
        pass(502);

        assertThat(first).isEqualTo(1);
        assertThat(irq.takeRisingEdges()).isEqualTo(1);
    }

    @Test
    void continuesAtNewRate_whenCountIsWrittenInMode2() {
        program(0, MODE_RATE, 10_000);
        pass(1 + 5_000);
        irq.takeRisingEdges();
        write(0, 1_000);
        pass(4_999);
        int before = irq.takeRisingEdges();
        pass(1);
        int atEnd = irq.takeRisingEdges();
        pass(3_000);

        assertThat(before).isZero();
        assertThat(atEnd).isEqualTo(1);
        assertThat(irq.takeRisingEdges()).isEqualTo(3);
    }

    @Test
    void stopsInterrupting_whenControlWordIsWritten() {
        program(0, MODE_RATE, 1_000);
        control(0, ACCESS_LOW_HIGH, MODE_TERMINAL_COUNT, 0);
        irq.takeRisingEdges();

        clock.advance(SECOND);

        assertThat(irq.takeRisingEdges()).isZero();
        assertThat(clock.armedTimers()).isZero();
    }

    @Test
    void doesNotTouchIrq_whenOtherCountersAreProgrammed() {
        program(1, MODE_RATE, 18);
        program(2, MODE_SQUARE, 1193);

        clock.advance(SECOND);

        assertThat(irq.risingEdges()).isZero();
    }

    @Test
    void limitsRate_whenGuestAsksForTooMany() {
        program(0, MODE_RATE, 2);
        irq.takeRisingEdges();

        clock.advance(SECOND);

        assertThat(irq.takeRisingEdges()).isBetween(15_000, 21_000);
    }

    // ---- port B

    @Test
    void readsBackAndShowsOutput_inPortB() {
        portB.writeByte(PORT_B, 0xff);
        control(2, ACCESS_LOW_HIGH, MODE_TERMINAL_COUNT, 0);
        int low = portB.readByte(PORT_B) & ~PORT_B_REFRESH;
        control(2, ACCESS_LOW_HIGH, MODE_RATE, 0);

        assertThat(low).isEqualTo(PORT_B_WRITABLE);
        assertThat(portB.readByte(PORT_B) & ~PORT_B_REFRESH).isEqualTo(PORT_B_WRITABLE | PORT_B_OUTPUT_2);
    }

    @Test
    void togglesRefresh_each18Clocks() {
        int first = portB.readByte(PORT_B) & PORT_B_REFRESH;
        pass(REFRESH_CLOCKS);
        int second = portB.readByte(PORT_B) & PORT_B_REFRESH;
        pass(REFRESH_CLOCKS);

        assertThat(second).isNotEqualTo(first);
        assertThat(portB.readByte(PORT_B) & PORT_B_REFRESH).isEqualTo(first);
    }

    // ---- state

    @Test
    void continuesIdentically_whenRestoredInMidWork() {
        gate(true);
        program(0, MODE_RATE, 1000);
        program(2, MODE_SQUARE, 777);
        pit.writeByte(2, 0x11); // one of two bytes
        pass(1 + 400);
        latch(0);
        DeviceState state = DeviceState.decode(pit.save().encode());
        FakeIrqLine otherIrq = new FakeIrqLine();
        ManualClock otherClock = new ManualClock();
        otherClock.advance(SECOND / 7); // another host, another time
        I8254Pit other = new I8254Pit(otherIrq, otherClock);

        other.restore(state);

        assertThat(other.save()).isEqualTo(state);
        otherIrq.takeRisingEdges();
        otherClock.advance(passed(599));
        int before = otherIrq.takeRisingEdges();
        otherClock.advance(passed(1));
        assertThat(before).isZero();
        assertThat(otherIrq.takeRisingEdges()).isEqualTo(1);
        assertThat(other.readByte(0) | (other.readByte(0) << 8)).as("latched").isEqualTo(600);
        assertThat(readTwice(0)).isEqualTo(600);
        other.writeByte(2, 0x22);
        pit.writeByte(2, 0x22);
        otherClock.advance(passed(5_000));
        assertThat(other.save()).isEqualTo(pit.save());
    }

    @Test
    void restoresPortB() {
        portB.writeByte(PORT_B, PORT_B_GATE_2 | PORT_B_SPEAKER);
        DeviceState state = DeviceState.decode(portB.save().encode());
        portB.reset();

        portB.restore(state);

        assertThat(portB.readByte(PORT_B) & PORT_B_WRITABLE).isEqualTo(PORT_B_GATE_2 | PORT_B_SPEAKER);
    }

    @Test
    void returnsToItsInitialState_whenReset() {
        program(0, MODE_RATE, 1000);

        pit.reset();
        clock.advance(SECOND);

        assertThat(irq.isHigh()).isFalse();
        assertThat(clock.armedTimers()).isZero();
    }

    @Test
    void neverThrows_whenAccessedAtRandom() {
        Random random = new Random(0x8254);
        for (int i = 0; i < 300_000; i++) {
            randomStep(random);
        }
        assertThat(clock.armedTimers()).isLessThanOrEqualTo(1);
    }

    private void randomStep(Random random) {
        switch (random.nextInt(8)) {
            case 0 -> clock.advance(random.nextInt(200_000));
            case 1 -> portB.write(PORT_B, 1, random.nextInt(0x100));
            case 2 -> assertThat(portB.read(PORT_B, 1)).isBetween(0L, 0xffL);
            case 3, 4 -> assertThat(pit.read(random.nextInt(4), 1)).isBetween(0L, 0xffL);
            case 5 -> pit.write(0, 4, random.nextInt());
            case 6 -> pit.restore(pit.save());
            default -> pit.write(random.nextInt(4), 1, random.nextInt(0x100));
        }
    }

    // ---- helpers

    /** Lets so many clocks of the counters pass. */
    private void pass(long count) {
        clocks += count;
        long target = clocks / CLOCK_HZ * SECOND + Math.ceilDiv(clocks % CLOCK_HZ * SECOND, CLOCK_HZ);
        clock.advance(target - clock.nanoTime());
    }

    /** Lets so many clocks pass; returns how many nanoseconds that were. */
    private long passed(long count) {
        long before = clock.nanoTime();
        pass(count);
        return clock.nanoTime() - before;
    }

    /** The output of counter 2 now and in the clocks that follow, each an H or an L. */
    private String wave(int length) {
        StringBuilder wave = new StringBuilder();
        for (int i = 0; i < length; i++) {
            wave.append(output() ? 'H' : 'L');
            pass(1);
        }
        return wave.toString();
    }

    private void control(int word) {
        pit.writeByte(CONTROL_WORD, word);
    }

    private void control(int counter, int access, int mode, int bcd) {
        control((counter << CW_SELECT_SHIFT) | (access << CW_ACCESS_SHIFT) | (mode << CW_MODE_SHIFT) | bcd);
    }

    private void program(int counter, int mode, int count) {
        control(counter, ACCESS_LOW_HIGH, mode, 0);
        write(counter, count);
    }

    private void write(int counter, int count) {
        pit.writeByte(counter, count & 0xff);
        pit.writeByte(counter, count >> 8);
    }

    private void latch(int counter) {
        control(counter << CW_SELECT_SHIFT);
    }

    private int readTwice(int counter) {
        int low = pit.readByte(counter);
        return low | (pit.readByte(counter) << 8);
    }

    private int count(int counter) {
        latch(counter);
        return readTwice(counter);
    }

    private int status(int counter) {
        control((CW_READ_BACK << CW_SELECT_SHIFT) | READ_BACK_NOT_COUNT | (2 << counter));
        return pit.readByte(counter);
    }

    private void gate(boolean level) {
        portB.writeByte(PORT_B, level ? PORT_B_GATE_2 : 0);
    }

    private boolean output() {
        return (portB.readByte(PORT_B) & PORT_B_OUTPUT_2) != 0;
    }
}
