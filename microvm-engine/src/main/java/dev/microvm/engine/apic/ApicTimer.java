package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicRegisters.*;

import dev.microvm.clock.Timers;
import java.util.function.LongUnaryOperator;

/**
 * The timer of a local APIC: Intel SDM vol. 3A, 11.5.4. Guarded by the lock of its {@link
 * LocalApic}.
 *
 * <p>It holds when the count reaches zero and works the count out when asked. A host timer is armed
 * only while the interrupt is not masked. Expiries that the host is late for are one.
 */
final class ApicTimer {
    /** The host is woken no more often than this, whatever the guest programs. */
    private static final long LEAST_PERIOD_NANOS = 20_000;

    private static final long NEVER = Long.MAX_VALUE;

    private final Timers timers;
    private final Timers.Timer hostTimer;
    private final LongUnaryOperator tscToNanos;
    private int mode = TIMER_ONE_SHOT;
    private boolean masked = true;
    private int divide;
    private int initialCount;
    private boolean running;
    private long expiresAt; // while running: when the count is zero; NEVER is later than any time
    private long tscDeadline; // while running in TSC-deadline mode, else 0

    /**
     * Makes a timer that stands.
     *
     * @param expired called on the clock's thread when {@link #settle} has something to do
     */
    ApicTimer(Timers timers, LongUnaryOperator tscToNanos, Runnable expired) {
        this.timers = timers;
        this.tscToNanos = tscToNanos;
        this.hostTimer = timers.timer(expired);
    }

    void reset() {
        stop();
        mode = TIMER_ONE_SHOT;
        masked = true;
        divide = 0;
        initialCount = 0;
    }

    /** Brings the timer up to now; returns whether it expired with its interrupt not masked. */
    boolean settle() {
        if (!running) return false;
        long now = timers.nanoTime();
        if (!isDue(now)) return false;
        if (mode == TIMER_PERIODIC) {
            long period = nanos(initialCount);
            expiresAt += period * ((now - expiresAt) / period + 1);
        } else {
            running = false;
            tscDeadline = 0;
        }
        arm(now + LEAST_PERIOD_NANOS);
        return !masked;
    }

    /** The LVT entry was written: {@link #settle} first. */
    void control(int lvt) {
        int newMode = (lvt >> LVT_TIMER_MODE_SHIFT) & LVT_TIMER_MODE;
        masked = (lvt & LVT_MASKED) != 0;
        if ((newMode == TIMER_TSC_DEADLINE) != (mode == TIMER_TSC_DEADLINE)) { // 11.5.4.1: disarms
            stop();
            initialCount = 0;
        }
        mode = newMode;
        arm(timers.nanoTime());
    }

    int initialCount() {
        return initialCount;
    }

    void initialCount(int count) {
        if (mode == TIMER_TSC_DEADLINE) return;
        initialCount = count;
        startFrom(count);
    }

    /**
     * Starts from a count that is not the initial one, as a restored state has it. A periodic timer
     * never stands at 0: it is due then, and KVM has not given its interrupt to the guest yet.
     */
    void startFrom(int count) {
        running = initialCount != 0 && (count != 0 || mode == TIMER_PERIODIC);
        long now = timers.nanoTime();
        expiresAt = now + nanos(count);
        arm(now);
    }

    int currentCount() {
        if (!running || mode == TIMER_TSC_DEADLINE) return 0;
        long left = expiresAt - timers.nanoTime();
        if (left <= 0 && mode != TIMER_PERIODIC) return 0;
        if (left <= 0) left += nanos(initialCount) * (-left / nanos(initialCount) + 1);
        return (int) Math.min(Math.ceilDiv(left, 1L << shift()), 0xffff_ffffL);
    }

    int divide() {
        return divide;
    }

    /** Sets the divide configuration; the count continues from where it is. */
    void divide(int value) {
        int count = currentCount();
        divide = value & DIVIDE_WRITABLE;
        if (running && mode != TIMER_TSC_DEADLINE) startFrom(count);
    }

    long tscDeadline() {
        return tscDeadline;
    }

    void tscDeadline(long tsc) {
        if (mode != TIMER_TSC_DEADLINE) return;
        tscDeadline = tsc;
        running = tsc != 0;
        tscChanged();
    }

    /** The guest's time-stamp counter was set: the deadline is at another time. */
    void tscChanged() {
        if (mode == TIMER_TSC_DEADLINE && running) expiresAt = tscToNanos.applyAsLong(tscDeadline);
        arm(timers.nanoTime());
    }

    private void stop() {
        running = false;
        tscDeadline = 0;
        hostTimer.cancel();
    }

    private boolean isDue(long now) {
        return expiresAt != NEVER && now - expiresAt >= 0;
    }

    private void arm(long notBefore) {
        if (!running || masked || expiresAt == NEVER) hostTimer.cancel();
        else hostTimer.armAt(expiresAt - notBefore >= 0 || mode != TIMER_PERIODIC ? expiresAt : notBefore);
    }

    private int shift() {
        int field = (divide & 0b11) | ((divide & 0b1000) >> 1); // 0 divides by 2, 6 by 128, 7 by 1
        return (field + 1) & 0b111;
    }

    private long nanos(int count) { // LocalApic.TIMER_HZ: a nanosecond for each
        return Integer.toUnsignedLong(count) << shift();
    }
}
