package dev.microvm.devices.virtio;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.event.EventLoop;
import dev.microvm.event.Signal;
import dev.microvm.memory.GuestMemoryException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * A machine's loop as one device has it: what it runs holds the device's lock, so that nothing of the device runs at the same time,
 * and an exception is told to whom it concerns instead of the loop. Any thread may call.
 */
final class DeviceLoop implements EventLoop {
    private final EventLoop loop;
    private final ReentrantLock lock;
    private final Consumer<RuntimeException> failed;

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

    /** Runs an action here and now, as if the loop did. */
    void run(Runnable action) {
        lock.lock();
        try {
            action.run();
        } catch (RuntimeException e) {
            failed.accept(e);
        } finally {
            lock.unlock();
        }
    }

    /** Whether an exception is the guest's doing, not a defect. */
    static boolean isGuestMistake(RuntimeException e) {
        return e instanceof VirtqueueException || e instanceof GuestMemoryException;
    }

    @Override
    public long nanoTime() {
        return loop.nanoTime();
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
        loop.execute(() -> run(task));
    }

    @Override
    public Timer timer(Runnable action) {
        return loop.timer(() -> run(action));
    }

    @Override
    public Signal signal(Runnable action) {
        return loop.signal(() -> run(action));
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
}
