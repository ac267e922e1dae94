package dev.microvm.testing;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.event.EventLoop;
import dev.microvm.event.Signal;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * An event loop that runs its waiting tasks on the thread that calls {@link #run}, with a
 * {@link ManualClock}. Tasks may add further tasks, which run too. Any thread may call
 * {@link #execute}; one thread calls everything else.
 */
public final class ManualEventLoop implements EventLoop {
    private static final int MOST_TURNS = 100_000; // more means that a task adds itself again

    private final ManualClock clock;
    private final ArrayDeque<Runnable> waiting = new ArrayDeque<>(); // guarded by itself
    private volatile boolean clockPaused;
    private boolean closed;

    /** Makes a loop with a new clock. */
    public ManualEventLoop() {
        this(new ManualClock());
    }

    /** Makes a loop with the given clock. */
    public ManualEventLoop(ManualClock clock) {
        this.clock = clock;
    }

    /** Returns the clock of this loop's timers. */
    public ManualClock clock() {
        return clock;
    }

    /** Runs waiting tasks until there are none; returns how many ran. */
    public int run() {
        int turns = 0;
        for (Runnable next = next(); next != null; next = next()) {
            if (++turns > MOST_TURNS)
                throw new AssertionError("the loop still has tasks after " + MOST_TURNS + " turns");
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

    /** Only remembers the pause: the clock stands still anyway, unless the test advances it. */
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
