package dev.microvm.devices.virtio;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.event.EventLoop;
import dev.microvm.event.Signal;
import dev.microvm.memory.GuestMemoryException;
import java.util.LinkedHashSet;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A machine's loop as one device sees it. Whatever it runs holds the device's lock, so nothing of
 * the device runs at the same time; an exception is told to the device's transport instead of the
 * loop. Any thread may call.
 *
 * <p><b>Pause.</b> While the device is paused, tasks, timers and signals that become due are kept
 * in their order, and {@link #resume} runs them. A signal or timer that is kept already is not kept
 * twice. The clock of the loop stands still meanwhile, so a timer has as much time left as it had.
 */
final class DeviceLoop implements EventLoop {
    private final EventLoop loop;
    private final ReentrantLock lock;
    private final Consumer<RuntimeException> failed;
    private final LinkedHashSet<Work> kept = new LinkedHashSet<>(); // by identity; guarded by itself, as what follows

    private volatile boolean paused;
    private volatile boolean keeping; // paused, or not all that was kept has run
    private long pausedAt; // on the loop's clock
    private long lost; // nanoseconds that the device was paused

    /**
     * Makes a view of a loop.
     *
     * @param lock held while an action runs
     * @param failed called under the lock with what an action threw
     */
    DeviceLoop(EventLoop loop, ReentrantLock lock, Consumer<RuntimeException> failed) {
        this.loop = loop;
        this.lock = lock;
        this.failed = failed;
    }

    /** Runs an action here and now, as if the loop did, also while the device is paused. */
    void run(Runnable action) {
        lock.lock();
        try {
            action.run();
        } catch (RuntimeException e) {
            failed.accept(e);
        } catch (Error e) { // a StackOverflowError, say: the device is no good any more, the machine is
            failed.accept(new IllegalStateException(e));
        } finally {
            lock.unlock();
        }
    }

    /** Whether an exception is the guest's doing, not a defect. */
    static boolean isGuestMistake(RuntimeException e) {
        return e instanceof VirtqueueException || e instanceof GuestMemoryException;
    }

    // ---- pause

    /**
     * Keeps what becomes due from now on. What runs already is over when the caller has had the
     * lock.
     */
    void pause() {
        synchronized (kept) {
            if (paused) return;
            pausedAt = loop.nanoTime();
            paused = true;
            keeping = true;
        }
    }

    /** Runs what was kept, on the loop, before whatever becomes due from now on. */
    void resume() {
        synchronized (kept) {
            if (!paused) return;
            lost += loop.nanoTime() - pausedAt;
            paused = false;
            keeping = !kept.isEmpty();
            if (!keeping) return;
        }
        loop.execute(this::runKept);
    }

    /** Whether the device is paused. */
    boolean paused() {
        return paused;
    }

    /** Drops what is kept: the device is closed. */
    void forget() {
        synchronized (kept) {
            kept.clear();
        }
    }

    private void runKept() {
        while (keeping) {
            lock.lock();
            try {
                Work next = takeKept();
                if (next == null) return;
                run(next.action);
            } finally {
                lock.unlock();
            }
        }
    }

    private @Nullable Work takeKept() {
        synchronized (kept) {
            if (paused) return null; // again: the next resume continues
            keeping = !kept.isEmpty();
            return keeping ? kept.removeFirst() : null;
        }
    }

    /** What the loop runs for the device, or keeps. */
    private final class Work implements Runnable {
        private final Runnable action;

        Work(Runnable action) {
            this.action = action;
        }

        @Override
        public void run() {
            if (keeping && keep()) return; // without the lock: whoever pauses the device may have it for long
            lock.lock();
            try {
                if (keeping && keep()) return; // paused while this waited for the lock
                DeviceLoop.this.run(action);
            } finally {
                lock.unlock();
            }
        }

        private boolean keep() {
            synchronized (kept) {
                if (keeping) kept.add(this);
                return keeping;
            }
        }
    }

    // ---- what a device uses

    /** The loop's clock without the time that the device was paused. */
    @Override
    public long nanoTime() {
        synchronized (kept) {
            return (paused ? pausedAt : loop.nanoTime()) - lost;
        }
    }

    @Override
    public boolean onLoopThread() {
        return loop.onLoopThread();
    }

    @Override
    public boolean ended() {
        return loop.ended();
    }

    @Override
    public void execute(Runnable task) {
        loop.execute(new Work(task));
    }

    @Override
    public Timer timer(Runnable action) {
        return new DeviceTimer(action);
    }

    @Override
    public Signal signal(Runnable action) {
        return loop.signal(new Work(action));
    }

    /** Refuses: the clock is the machine's. */
    @Override
    public void pauseClock() {
        throw machines();
    }

    /** Refuses: the clock is the machine's. */
    @Override
    public void resumeClock(ClockOnResume how) {
        throw machines();
    }

    /** Refuses: the loop is the machine's. */
    @Override
    public void close() {
        throw machines();
    }

    private static UnsupportedOperationException machines() {
        return new UnsupportedOperationException("the loop is the machine's");
    }

    /**
     * A timer on the device's clock. One of the loop's that fires too early, because of a pause, is
     * armed again.
     */
    private final class DeviceTimer implements Timer {
        private final Runnable action;
        private final Timer timer; // on the loop's clock

        // Guarded by this.
        private boolean armed;
        private long deadline;

        DeviceTimer(Runnable action) {
            this.action = action;
            this.timer = loop.timer(new Work(this::expire));
        }

        @Override
        public synchronized void armAt(long newDeadline) {
            armed = true;
            deadline = newDeadline;
            armLoop();
        }

        private void armLoop() {
            synchronized (kept) {
                timer.armAt(deadline + lost);
            }
        }

        @Override
        public synchronized void cancel() {
            armed = false;
            timer.cancel();
        }

        private void expire() {
            if (isDue()) action.run();
        }

        private synchronized boolean isDue() {
            if (!armed) return false; // cancelled while it was kept
            if (nanoTime() - deadline < 0) {
                armLoop();
                return false;
            }
            armed = false;
            return true;
        }
    }
}
