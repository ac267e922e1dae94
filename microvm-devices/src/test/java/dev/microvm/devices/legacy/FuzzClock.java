package dev.microvm.devices.legacy;

import dev.microvm.clock.Timers;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A clock that leaps, as on a host that was busy elsewhere: timers whose deadlines it leapt over
 * fire late, and see the time it leapt to. A device whose timer goes on firing at one moment fails
 * the test. For one thread.
 */
final class FuzzClock implements Timers, InstantSource {
    private static final int MOST_EXPIRIES = 100; // at one moment
    private static final Instant START = Instant.parse("2001-02-03T04:05:06Z");

    private final List<FuzzTimer> timers = new ArrayList<>();
    private final long origin;
    private long now;
    private long wallSeconds;

    /** Starts at a moment that is as arbitrary as that of {@link System#nanoTime}. */
    FuzzClock(long origin) {
        this.origin = origin;
        this.now = origin;
    }

    @Override
    public long nanoTime() {
        return now;
    }

    @Override
    public Instant instant() {
        return START.plusNanos(now - origin).plusSeconds(wallSeconds);
    }

    /** Leaps ahead and lets timers expire. */
    void leap(long nanos) {
        now += nanos;
        for (int expiries = 0; ; expiries++) {
            FuzzTimer due = firstDue();
            if (due == null) return;
            if (expiries == MOST_EXPIRIES) throw new AssertionError("a timer expires again and again");
            due.armed = false;
            due.action.run();
        }
    }

    /** How many timers there are. */
    int timers() {
        return timers.size();
    }

    /** Forgets all timers but the first. */
    void keepTimers(int first) {
        timers.subList(first, timers.size()).clear();
    }

    /** Sets the wall clock, and it alone, forward or back. */
    void setWallClock(long bySeconds) {
        wallSeconds += bySeconds;
    }

    private @Nullable FuzzTimer firstDue() {
        for (FuzzTimer timer : timers) {
            if (timer.armed && timer.deadline - now <= 0) return timer;
        }
        return null;
    }

    @Override
    public Timer timer(Runnable action) {
        FuzzTimer timer = new FuzzTimer(action);
        timers.add(timer);
        return timer;
    }

    private static final class FuzzTimer implements Timer {
        private final Runnable action;
        private long deadline;
        private boolean armed;

        FuzzTimer(Runnable action) {
            this.action = action;
        }

        @Override
        public void armAt(long when) {
            deadline = when;
            armed = true;
        }

        @Override
        public void cancel() {
            armed = false;
        }
    }
}
