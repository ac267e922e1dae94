package dev.microvm.testing;

import dev.microvm.clock.Timers;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.TreeSet;

/**
 * A monotonic clock and a wall clock that move only by {@link #advance}.
 *
 * <p>{@link #advance} fires the timers whose deadlines it passes, on the caller's thread, in the
 * order of their deadlines. Each timer sees the clock at its own deadline. A timer armed for the
 * past fires at the next advance, even if that is by zero. Not thread-safe.
 */
public final class ManualClock implements Timers, InstantSource {
    private final TreeSet<ManualTimer> armed = new TreeSet<>(
            Comparator.<ManualTimer>comparingLong(timer -> timer.deadline).thenComparingLong(timer -> timer.order));

    private final Instant start;
    private long now;
    private long timersMade;

    /** Starts at nanosecond 0, 2001-02-03T04:05:06Z: no two fields of the date are equal. */
    public ManualClock() {
        this(Instant.parse("2001-02-03T04:05:06Z"));
    }

    /** Starts at nanosecond 0 and the given wall-clock time. */
    public ManualClock(Instant start) {
        this.start = start;
    }

    @Override
    public long nanoTime() {
        return now;
    }

    @Override
    public Instant instant() {
        return start.plusNanos(now);
    }

    @Override
    public Timer timer(Runnable action) {
        return new ManualTimer(action, timersMade++);
    }

    /** Advances time and fires the timers that become due. */
    public void advance(Duration by) {
        advance(by.toNanos());
    }

    /** Advances time by nanoseconds and fires the timers that become due. */
    public void advance(long nanos) {
        if (nanos < 0) throw new IllegalArgumentException("time does not go back: " + nanos);
        long target = now + nanos;
        while (!armed.isEmpty() && armed.first().deadline <= target) {
            ManualTimer due = armed.removeFirst();
            due.armed = false;
            now = Math.max(now, due.deadline);
            due.action.run();
        }
        now = target;
    }

    /** Returns the number of armed timers. */
    public int armedTimers() {
        return armed.size();
    }

    /** A timer of this clock; timers with equal deadlines fire in the order of their creation. */
    private final class ManualTimer implements Timer {
        private final Runnable action;
        private final long order;
        private long deadline;
        private boolean armed;

        ManualTimer(Runnable action, long order) {
            this.action = action;
            this.order = order;
        }

        @Override
        public void armAt(long when) {
            cancel();
            deadline = when;
            armed = true;
            ManualClock.this.armed.add(this);
        }

        @Override
        public void cancel() {
            if (armed) ManualClock.this.armed.remove(this);
            armed = false;
        }
    }
}
