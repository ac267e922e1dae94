package dev.microvm.clock;

import java.util.Objects;

/**
 * The host's monotonic clock, with pauses in which it stands. Any thread may read, pause and resume
 * it.
 */
public final class PausableClock implements NanoClock {
    // One reference, so that a reader without a lock sees both of one moment.
    private volatile Pace pace = new Pace(false, 0);

    // Guarded by this
    private long behind; // nanoseconds of past pauses, in which the clock stood

    /**
     * How the clock goes.
     *
     * @param nanos the time at which it stands, or how far it is behind the host's clock
     */
    private record Pace(boolean paused, long nanos) {}

    /** Makes a clock that shows the host's time. */
    public PausableClock() {}

    @Override
    public long nanoTime() {
        Pace now = pace;
        return now.paused ? now.nanos : System.nanoTime() - now.nanos;
    }

    /** Whether the clock stands. */
    public boolean isPaused() {
        return pace.paused;
    }

    /** Stops the clock; does nothing if it stands. */
    public synchronized void pause() {
        if (!pace.paused) pace = new Pace(true, nanoTime());
    }

    /** Lets the clock move again; does nothing if it does not stand. */
    public synchronized void resume(ClockOnResume how) {
        Objects.requireNonNull(how, "how");
        Pace before = pace;
        if (!before.paused) return;
        if (how == ClockOnResume.CONTINUE) behind = System.nanoTime() - before.nanos;
        pace = new Pace(false, behind);
    }
}
