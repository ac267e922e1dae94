package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.Mc146818Registers.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.irq.IrqLine;
import dev.microvm.state.DeviceState;
import dev.microvm.testing.FakeIrqLine;
import dev.microvm.testing.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class Mc146818RtcTest {
    private static final long SECOND = 1_000_000_000L;
    private static final int DIVIDER_RESET = A_DIVIDER_RESET << A_DIVIDER_SHIFT;

    /** A Saturday afternoon of last century's last year, with no two fields alike. */
    private final ManualClock clock = new ManualClock(Instant.parse("1999-12-25T15:46:37Z"));

    private final FakeIrqLine irq = new FakeIrqLine();
    private final Mc146818Rtc rtc = new Mc146818Rtc(irq, clock, clock);

    // ---- time and form

    @Test
    void showsWallClockInBcdAnd24Hours_initially() {
        assertThat(read(SECONDS)).isEqualTo(0x37);
        assertThat(read(MINUTES)).isEqualTo(0x46);
        assertThat(read(HOURS)).isEqualTo(0x15);
        assertThat(read(DAY_OF_WEEK)).as("Saturday").isEqualTo(7);
        assertThat(read(DATE_OF_MONTH)).isEqualTo(0x25);
        assertThat(read(MONTH)).isEqualTo(0x12);
        assertThat(read(YEAR)).isEqualTo(0x99);
        assertThat(read(CENTURY)).isEqualTo(0x19);
    }

    @Test
    void showsBinary_whenDmIsSet() {
        write(REGISTER_B, B_DM_BINARY | B_24_HOURS);

        assertThat(read(SECONDS)).isEqualTo(37);
        assertThat(read(HOURS)).isEqualTo(15);
        assertThat(read(YEAR)).isEqualTo(99);
        assertThat(read(CENTURY)).isEqualTo(19);
    }

    @Test
    void showsTwelveHoursWithPm_when24HourBitIsClear() {
        write(REGISTER_B, 0);

        assertThat(read(HOURS)).as("15:46").isEqualTo(HOURS_PM | 0x03);
        clock.advance(Duration.ofHours(9));
        assertThat(read(HOURS)).as("00:46").isEqualTo(0x12);
        clock.advance(Duration.ofHours(12));
        assertThat(read(HOURS)).as("12:46").isEqualTo(HOURS_PM | 0x12);
    }

    @Test
    void carriesIntoNextCentury_whenTheSecondComes() {
        clock.advance(Duration.ofDays(7));

        assertThat(read(DATE_OF_MONTH)).isEqualTo(0x01);
        assertThat(read(MONTH)).isEqualTo(0x01);
        assertThat(read(YEAR)).isEqualTo(0x00);
        assertThat(read(CENTURY)).isEqualTo(0x20);
    }

    @Test
    void ignoresNmiMask_inIndex() {
        rtc.writeByte(INDEX, 0x80 | SECONDS);

        assertThat(rtc.readByte(DATA)).isEqualTo(0x37);
        assertThat(rtc.readByte(INDEX)).as("write-only").isEqualTo(OPEN_BUS);
    }

    @Test
    void takesIndexAndData_whenWrittenAsOneWord() {
        rtc.write(INDEX, 2, 0x5a70);

        assertThat(rtc.cmos(0x70)).isEqualTo(0x5a);
    }

    // ---- setting the clock

    @Test
    void continuesFromWrittenTime_whenSetIsCleared() {
        setClock();
        clock.advance(2 * SECOND);

        assertThat(read(SECONDS)).isEqualTo(0x00);
        assertThat(read(MINUTES)).isEqualTo(0x35);
        assertThat(read(HOURS)).isEqualTo(0x12);
        assertThat(read(DATE_OF_MONTH)).isEqualTo(0x29);
        assertThat(read(MONTH)).isEqualTo(0x02);
        assertThat(read(YEAR)).isEqualTo(0x24);
    }

    @Test
    void holdsWhatWasWritten_whileSetIsOn() {
        write(REGISTER_B, B_SET | B_24_HOURS);
        write(SECONDS, 0x58);
        clock.advance(5 * SECOND);

        assertThat(read(SECONDS)).isEqualTo(0x58);
        assertThat(read(MINUTES)).as("stood still").isEqualTo(0x46);
    }

    @Test
    void changesOneField_whenWrittenWhileRunning() {
        write(MINUTES, 0x10);
        clock.advance(SECOND);

        assertThat(read(MINUTES)).isEqualTo(0x10);
        assertThat(read(SECONDS)).isEqualTo(0x38);
        assertThat(read(HOURS)).isEqualTo(0x15);
    }

    /** The order of Linux's mc146818_set_time: SET is cleared while the divider is held. */
    @Test
    void continuesFromWrittenTime_whenDividerIsReleasedLast() {
        write(REGISTER_B, B_SET | B_24_HOURS);
        write(REGISTER_A, A_POWER_ON | 0x70);
        write(SECONDS, 0x10);
        write(REGISTER_B, B_24_HOURS);
        clock.advance(3 * SECOND);
        write(REGISTER_A, A_POWER_ON);
        clock.advance(SECOND / 2 - 1);
        int before = read(SECONDS);
        clock.advance(1);

        assertThat(before).isEqualTo(0x10);
        assertThat(read(SECONDS)).isEqualTo(0x11);
    }

    @Test
    void updatesHalfASecondLater_whenDividerIsReleased() {
        clock.advance(SECOND / 5);
        write(REGISTER_A, DIVIDER_RESET);
        clock.advance(3 * SECOND);
        int held = read(SECONDS);
        write(REGISTER_A, A_POWER_ON);

        clock.advance(SECOND / 2 - 1);
        int before = read(SECONDS);
        clock.advance(1);

        assertThat(held).isEqualTo(0x37);
        assertThat(before).isEqualTo(0x37);
        assertThat(read(SECONDS)).isEqualTo(0x38);
    }

    @Test
    void carriesOver_whenGuestWritesNoDate() {
        write(REGISTER_B, B_SET | B_24_HOURS);
        write(MONTH, 0xff);
        write(DATE_OF_MONTH, 0xff);
        write(HOURS, 0xff);

        write(REGISTER_B, B_24_HOURS);

        assertThat(read(MONTH)).isBetween(0x01, 0x12);
        assertThat(read(HOURS)).isBetween(0x00, 0x23);
    }

    // ---- UIP

    @Test
    void showsUip_onlyInTheWindowBeforeAnUpdate() {
        clock.advance(SECOND - UIP_WINDOW_NANOS - 1);
        int before = read(REGISTER_A);
        clock.advance(1);
        int inside = read(REGISTER_A);
        clock.advance(UIP_WINDOW_NANOS);

        assertThat(before).isEqualTo(A_POWER_ON);
        assertThat(inside).isEqualTo(A_UIP | A_POWER_ON);
        assertThat(read(REGISTER_A)).isEqualTo(A_POWER_ON);
        assertThat(read(SECONDS)).isEqualTo(0x38);
    }

    @Test
    void hidesUip_whileSetIsOn() {
        write(REGISTER_B, B_SET | B_24_HOURS);
        clock.advance(SECOND - 1);

        assertThat(read(REGISTER_A) & A_UIP).isZero();
    }

    // ---- interrupts

    @Test
    void interruptsEachSecond_whenUieIsSetAndFlagsAreRead() {
        write(REGISTER_B, B_UIE | B_24_HOURS);
        clock.advance(SECOND - 1);
        boolean early = irq.isHigh();
        clock.advance(1);

        assertThat(early).isFalse();
        assertThat(irq.isHigh()).isTrue();
        assertThat(read(REGISTER_C) & ~C_PF).isEqualTo(C_IRQF | C_UF);
        assertThat(irq.isHigh()).as("after C was read").isFalse();
        clock.advance(SECOND);
        assertThat(irq.isHigh()).as("next second").isTrue();
    }

    @Test
    void runsNoTimer_whileAnInterruptIsNotAnswered() {
        write(REGISTER_B, B_UIE | B_24_HOURS);
        clock.advance(10 * SECOND);

        assertThat(irq.risingEdges()).isEqualTo(1);
        assertThat(clock.armedTimers()).isZero();
    }

    @Test
    void setsFlagsWithoutIrqf_whenInterruptsAreOff() {
        clock.advance(SECOND);

        assertThat(read(REGISTER_C) & ~C_PF).isEqualTo(C_UF);
        assertThat(read(REGISTER_C)).as("second read").isZero();
        assertThat(irq.risingEdges()).isZero();
    }

    @Test
    void raisesIrq_whenEnabledAfterTheFlagWasSet() {
        clock.advance(SECOND);
        write(REGISTER_B, B_UIE | B_24_HOURS);

        assertThat(irq.isHigh()).isTrue();
    }

    @Test
    void clearsUie_whenSetIsWritten() {
        write(REGISTER_B, B_UIE | B_24_HOURS);
        write(REGISTER_B, B_SET | B_UIE | B_24_HOURS);

        assertThat(read(REGISTER_B)).isEqualTo(B_SET | B_24_HOURS);
    }

    @Test
    void interruptsAtAlarm_whenAieIsSet() {
        write(HOURS_ALARM, 0x16);
        write(MINUTES_ALARM, 0x00);
        write(SECONDS_ALARM, 0x02);
        write(REGISTER_B, B_AIE | B_24_HOURS);
        Duration until = Duration.ofSeconds(13 * 60 + 25); // 15:46:37 to 16:00:02
        clock.advance(until.minusNanos(1));
        boolean early = irq.isHigh();

        clock.advance(1);

        assertThat(early).isFalse();
        assertThat(irq.isHigh()).isTrue();
        assertThat(read(REGISTER_C) & (C_IRQF | C_AF)).isEqualTo(C_IRQF | C_AF);
    }

    @Test
    void interruptsTomorrow_whenAlarmIsPastToday() {
        write(HOURS_ALARM, 0x15);
        write(MINUTES_ALARM, 0x46);
        write(SECONDS_ALARM, 0x36);
        write(REGISTER_B, B_AIE | B_24_HOURS);
        clock.advance(Duration.ofDays(1).minusSeconds(2));
        boolean early = irq.isHigh();

        clock.advance(SECOND);

        assertThat(early).isFalse();
        assertThat(irq.isHigh()).isTrue();
    }

    @Test
    void interruptsEachMinute_whenHourAndMinuteDoNotCare() {
        write(HOURS_ALARM, 0xc0);
        write(MINUTES_ALARM, 0xff);
        write(SECONDS_ALARM, 0x05);
        write(REGISTER_B, B_AIE | B_24_HOURS);
        clock.advance(28 * SECOND); // 15:47:05
        int first = irq.takeRisingEdges();
        read(REGISTER_C);

        clock.advance(60 * SECOND);

        assertThat(first).isEqualTo(1);
        assertThat(irq.takeRisingEdges()).isEqualTo(1);
    }

    @Test
    void interruptsEachSecond_whenNoAlarmByteCares() {
        write(HOURS_ALARM, 0xc0);
        write(MINUTES_ALARM, 0xc0);
        write(SECONDS_ALARM, 0xff);
        write(REGISTER_B, B_AIE | B_24_HOURS);
        for (int i = 0; i < 3; i++) {
            clock.advance(SECOND);
            read(REGISTER_C);
        }

        assertThat(irq.takeRisingEdges()).isEqualTo(3);
    }

    @Test
    void matchesAlarmInTwelveHourForm_whenFormIsThat() {
        write(HOURS_ALARM, HOURS_PM | 0x04);
        write(MINUTES_ALARM, 0x00);
        write(SECONDS_ALARM, 0x00);
        write(REGISTER_B, B_AIE);
        clock.advance(Duration.ofMinutes(14));

        assertThat(irq.isHigh()).as("16:00:00 is passed").isTrue();
    }

    @Test
    void neverInterrupts_whenAlarmIsNoTime() {
        write(HOURS_ALARM, 0x30);
        write(REGISTER_B, B_AIE | B_24_HOURS);

        clock.advance(Duration.ofDays(2));

        assertThat(irq.isHigh()).isFalse();
        assertThat(clock.armedTimers()).isZero();
    }

    @Test
    void interruptsPeriodically_atTheRateOfRegisterA() {
        write(REGISTER_B, B_PIE | B_24_HOURS);
        for (int half = 0; half < 2000; half++) { // half milliseconds: the guest answers at least once a period
            clock.advance(SECOND / 2000);
            read(REGISTER_C);
        }

        assertThat(irq.risingEdges()).as("rate 6 is 1024 Hz").isEqualTo(1024);
    }

    @Test
    void interruptsPeriodically_whenTheDateIsBefore1970() {
        ManualClock old = new ManualClock(Instant.parse("1969-12-31T23:59:59.500Z"));
        Mc146818Rtc oldRtc = new Mc146818Rtc(irq, old, old);
        oldRtc.writeByte(INDEX, REGISTER_B);
        oldRtc.writeByte(DATA, B_PIE | B_24_HOURS);
        oldRtc.writeByte(INDEX, REGISTER_C);
        for (int half = 0; half < 2000; half++) {
            old.advance(SECOND / 2000);
            oldRtc.readByte(DATA);
        }

        assertThat(irq.risingEdges()).isEqualTo(1024);
    }

    @Test
    void startsPeriods_fromDataSheetRates() {
        assertThat(periodTicks(0x20)).as("none").isZero();
        assertThat(periodTicks(0x21)).as("3.90625 ms").isEqualTo(128);
        assertThat(periodTicks(0x22)).as("7.8125 ms").isEqualTo(256);
        assertThat(periodTicks(0x23)).as("122.070 us").isEqualTo(4);
        assertThat(periodTicks(0x2f)).as("500 ms").isEqualTo(16_384);
        assertThat(periodTicks(0x01)).as("30.517 us, 4 MHz base").isEqualTo(1);
    }

    @Test
    void makesNoPeriods_whileDividerIsHeld() {
        write(REGISTER_A, DIVIDER_RESET | 0x6);
        write(REGISTER_B, B_PIE | B_24_HOURS);

        clock.advance(SECOND);

        assertThat(irq.isHigh()).isFalse();
    }

    @Test
    void continuesPeriods_butNotUpdates_whileSetIsOn() {
        write(REGISTER_A, (A_POWER_ON & ~0xf) | 0xf); // 2 Hz
        write(REGISTER_B, B_SET | B_PIE | B_AIE | B_24_HOURS);
        read(REGISTER_C);

        clock.advance(10 * SECOND);

        assertThat(irq.takeRisingEdges()).isEqualTo(1);
        assertThat(read(REGISTER_C)).isEqualTo(C_IRQF | C_PF);
    }

    @Test
    void checksAStandingClock_onlyOncePerTick() {
        AtomicInteger asked = new AtomicInteger();
        InstantSource stands = () -> {
            asked.incrementAndGet();
            return Instant.parse("2024-05-06T07:08:09.999999999Z");
        };
        Mc146818Rtc frozen = new Mc146818Rtc(irq, clock, stands);
        frozen.writeByte(INDEX, REGISTER_B);
        frozen.writeByte(DATA, B_UIE | B_24_HOURS);
        asked.set(0);

        clock.advance(SECOND / 10);

        assertThat(irq.risingEdges()).isZero();
        assertThat(asked).hasValueBetween(1, 10_000);
    }

    // ---- the rest

    @Test
    void isValid_always() {
        write(REGISTER_D, 0);

        assertThat(read(REGISTER_D)).isEqualTo(D_VRT);
    }

    @Test
    void holdsMemorySizes_whereFirmwareLooks() {
        rtc.memorySize(3L << 30, 5L << 30);

        assertThat(word(0x15)).as("base memory").isEqualTo(640);
        assertThat(word(0x17)).as("extended, at most 64 MiB").isEqualTo(0xffff);
        assertThat(word(0x30)).isEqualTo(0xffff);
        assertThat(word(0x34)).isEqualTo(((3 << 10) - 16) * 16);
        assertThat(word(0x5b) | (rtc.cmos(0x5d) << 16)).isEqualTo((5 << 10) * 16);
    }

    @Test
    void holdsSmallMemorySizes_whenBelow16MiB() {
        rtc.memorySize(8L << 20, 0);

        assertThat(word(0x17)).as("7 MiB").isEqualTo(7 << 10);
        assertThat(word(0x34)).isZero();
    }

    @Test
    void refusesRegistersOfTheClock_asCmosOfTheHost() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rtc.cmos(REGISTER_B, 0))
                .withMessageContaining("0xb");
        assertThatIllegalArgumentException().isThrownBy(() -> rtc.cmos(CENTURY));
    }

    @Test
    void turnsInterruptsOffAndKeepsTime_whenReset() {
        setClock();
        write(REGISTER_B, B_PIE | B_AIE | B_UIE | B_24_HOURS);
        clock.advance(SECOND);

        rtc.reset();

        assertThat(irq.isHigh()).isFalse();
        assertThat(read(REGISTER_B)).isEqualTo(B_24_HOURS);
        assertThat(read(REGISTER_C)).isZero();
        assertThat(read(SECONDS)).isEqualTo(0x59);
    }

    @Test
    void continuesIdentically_whenRestoredInMidWork() {
        setClock();
        write(SECONDS_ALARM, 0x01);
        write(MINUTES_ALARM, 0x35);
        write(HOURS_ALARM, 0x12);
        write(REGISTER_B, B_AIE | B_24_HOURS);
        clock.advance(SECOND / 3);
        DeviceState state = DeviceState.decode(rtc.save().encode());
        FakeIrqLine otherIrq = new FakeIrqLine();
        Mc146818Rtc other = new Mc146818Rtc(otherIrq, clock, clock);

        other.restore(state);

        assertThat(other.save()).isEqualTo(state);
        clock.advance(2 * SECOND);
        assertThat(otherIrq.isHigh()).isFalse();
        clock.advance(SECOND);
        assertThat(otherIrq.isHigh()).isTrue();
        assertThat(other.save()).isEqualTo(rtc.save());
    }

    @Test
    void showsTimeThatPassed_whenRestoredLater() {
        DeviceState state = rtc.save();
        clock.advance(3 * SECOND);
        Mc146818Rtc other = new Mc146818Rtc(irq, clock, clock);

        other.restore(state);

        other.writeByte(INDEX, SECONDS);
        assertThat(other.readByte(DATA)).isEqualTo(0x40);
    }

    /**
     * Else an interrupt controller whose state was saved with the line low would never see it rise.
     */
    @Test
    void savesWhatTheLineShows_whenATimerIsLate() {
        Instant[] wall = {clock.instant()};
        Mc146818Rtc late = new Mc146818Rtc(irq, clock, () -> wall[0]);
        late.writeByte(INDEX, REGISTER_B);
        late.writeByte(DATA, B_UIE | B_24_HOURS);
        wall[0] = wall[0].plusSeconds(2); // the second turned, the timer has not expired yet
        DeviceState state = late.save();
        FakeIrqLine otherIrq = new FakeIrqLine();
        Mc146818Rtc other = new Mc146818Rtc(otherIrq, clock, () -> wall[0]);

        other.restore(state);

        assertThat(state.integer("flags")).isZero();
        assertThat(irq.isHigh()).isFalse();
        assertThat(otherIrq.isHigh()).isFalse();
        clock.advance(0);
        assertThat(otherIrq.isHigh()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(longs = {-400, 400})
    void checksImmediately_whenRestoredCenturiesAway(long years) {
        Instant[] wall = {clock.instant()};
        Mc146818Rtc first = new Mc146818Rtc(IrqLine.UNCONNECTED, clock, () -> wall[0]);
        first.writeByte(INDEX, REGISTER_B);
        first.writeByte(DATA, B_UIE | B_24_HOURS);
        DeviceState state = first.save();
        wall[0] = wall[0].plus(Duration.ofDays(365 * years));
        Mc146818Rtc other = new Mc146818Rtc(irq, clock, () -> wall[0]);

        other.restore(state);
        clock.advance(0);
        wall[0] = wall[0].plusSeconds(1);
        clock.advance(SECOND);

        assertThat(irq.isHigh()).isTrue();
    }

    @Test
    void neverThrows_whenAccessedAtRandom() {
        Random random = new Random(0x146818);
        for (int i = 0; i < 100_000; i++) {
            randomStep(random);
        }
        assertThat(clock.armedTimers()).isLessThanOrEqualTo(1);
    }

    private void randomStep(Random random) {
        switch (random.nextInt(8)) {
            case 0 -> clock.advance(random.nextInt(3_000_000));
            case 1 -> rtc.writeByte(INDEX, random.nextInt(0x10));
            case 2 -> rtc.write(INDEX, 2, random.nextInt(0x1_0000));
            case 3, 4 -> rtc.writeByte(DATA, random.nextInt(0x100));
            case 5 -> write(REGISTER_B, random.nextInt(0x100));
            case 6 -> rtc.restore(rtc.save());
            default -> rtc.readByte(random.nextInt(2));
        }
    }

    // ---- helpers

    private int read(int register) {
        rtc.writeByte(INDEX, register);
        return rtc.readByte(DATA);
    }

    private void write(int register, int value) {
        rtc.writeByte(INDEX, register);
        rtc.writeByte(DATA, value);
    }

    private int word(int at) {
        return rtc.cmos(at) | (rtc.cmos(at + 1) << 8);
    }

    /** Sets 2024-02-29 12:34:58. */
    private void setClock() {
        write(REGISTER_B, B_SET | B_24_HOURS);
        write(SECONDS, 0x58);
        write(MINUTES, 0x34);
        write(HOURS, 0x12);
        write(DATE_OF_MONTH, 0x29);
        write(MONTH, 0x02);
        write(YEAR, 0x24);
        write(CENTURY, 0x20);
        write(REGISTER_B, B_24_HOURS);
    }
}
