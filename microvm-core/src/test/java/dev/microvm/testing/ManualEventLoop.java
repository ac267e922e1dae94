package dev.microvm.testing;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.event.EventLoop;
import dev.microvm.event.Signal;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * An event loop that runs what waits when it is told to, on the caller's thread, by a {@link ManualClock}. What is run may
 * add more, which runs too. Tasks may come from any thread, the rest is for one.
 */
public final class ManualEventLoop implements EventLoop {
    private static final int MOST_TURNS = 100_000; // else something feeds itself

    private final ManualClock clock;
    private final ArrayDeque<Runnable> waiting = new ArrayDeque<>(); // guarded by itself
    private volatile boolean clockPaused;
    private boolean closed;

    /** Makes a loop with a clock of its own. */
    public ManualEventLoop() {
        this(new ManualClock());
    }

    /** Makes a loop with this clock. */
    public ManualEventLoop(ManualClock clock) {
        this.clock = clock;
    }

    /** The clock, by which timers fire. */
    public ManualClock clock() {
        return clock;
    }

    /** Runs what waits until nothing does; returns how much that was. */
    public int run() {
        int turns = 0;
        for (Runnable next = next(); next != null; next = next()) {
            if (++turns > MOST_TURNS) throw new AssertionError("the loop does not come to rest");
            next.run();
        }
        return turns;
    }

    private @Nullable Runnable next() {
        synchronized (waiting) {
            return waiting.poll();
        }
    }

    @Override
    public void execute(Runnable task) {
        synchronized (waiting) {
            if (!closed) waiting.add(task);
        }
    }

    @Override
    public long nanoTime() {
        return clock.nanoTime();
    }

    @Override
    public Timer timer(Runnable action) {
        return clock.timer(action);
    }

    @Override
    public Signal signal(Runnable action) {
        return new ManualSignal(action);
    }

    @Override
    public boolean onLoopThread() {
        return true;
    }

    /** Remembers it; the clock stands anyway unless the test moves it. */
    @Override
    public void pauseClock() {
        clockPaused = true;
    }

    @Override
    public void resumeClock(ClockOnResume how) {
        clockPaused = false;
    }

    /** Whether the clock is paused. */
    public boolean isClockPaused() {
        return clockPaused;
    }

    @Override
    public boolean ended() {
        return closed;
    }

    @Override
    public void close() {
        synchronized (waiting) {
            closed = true;
            waiting.clear();
        }
    }

    private final class ManualSignal implements Signal {
        private final Runnable action;
        private boolean raised; // guarded by waiting
        private boolean open = true;

        ManualSignal(Runnable action) {
            this.action = action;
        }

        @Override
        public void raise() {
            synchronized (waiting) {
                if (raised || !open || closed) return;
                raised = true;
                waiting.add(this::fire);
            }
        }

        private void fire() {
            synchronized (waiting) {
                raised = false;
                if (!open) return;
            }
            action.run();
        }

        @Override
        public void close() {
            synchronized (waiting) {
                open = false;
            }
        }
    }
}
