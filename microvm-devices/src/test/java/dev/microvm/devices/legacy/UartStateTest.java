package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.Uart16550Registers.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.testing.FakeIrqLine;
import dev.microvm.testing.ManualClock;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What fuzzing found about the receive time-out and the state of a {@link Uart16550}. */
final class UartStateTest {
    private static final Duration MILLISECOND = Duration.ofMillis(1); // more than the time-out at 115,200 baud

    private final ManualClock clock = new ManualClock();
    private final FakeIrqLine irq = new FakeIrqLine();
    private final Uart16550 uart = new Uart16550(irq, character -> true, clock);

    /** A timer that was armed at a low rate must not hold up a time-out at a higher one. */
    @Test
    void timesOutAtTheNewRate_whenItRises() {
        setDivisor(0xffff); // 1.8 baud: the time-out takes 22 seconds
        uart.writeByte(MCR, MCR_OUT2);
        uart.writeByte(FCR, FCR_ENABLE | (0b11 << FCR_TRIGGER_SHIFT));
        uart.writeByte(IER, IER_ERBFI);
        uart.receive('1');
        setDivisor(1);
        uart.receive('2');

        clock.advance(MILLISECOND);

        assertThat(irq.isHigh()).isTrue();
        assertThat(uart.readByte(IIR)).isEqualTo(IIR_FIFOS_ENABLED | IIR_TIMEOUT);
    }

    @Test
    void savesNoTimeout_whenNothingWaitsForIt() {
        uart.writeByte(FCR, FCR_ENABLE);
        uart.receive('1');
        boolean whileItWaits = uart.save().flag("timeoutArmed");
        uart.readByte(RBR);

        assertThat(whileItWaits).isTrue();
        assertThat(uart.save().flag("timeoutArmed")).isFalse();
        assertThat(uart.save().number("timeoutLeftNanos")).isZero();
    }

    @Test
    void keepsThePeersLines_whenRestoredAndLoopedBackInBetween() {
        uart.modemLines(false, true, true, false);
        Uart16550 other = new Uart16550(irq, character -> true, clock);
        other.restore(uart.save());

        other.writeByte(MCR, MCR_LOOP);
        other.writeByte(MCR, 0);

        assertThat(other.readByte(MSR) & ~MSR_DELTAS).isEqualTo(MSR_DSR | MSR_RI);
    }

    private void setDivisor(int divisor) {
        uart.writeByte(LCR, LCR_DLAB | 0b11);
        uart.writeByte(THR, divisor & 0xff);
        uart.writeByte(IER, divisor >> 8);
        uart.writeByte(LCR, 0b11);
    }
}
