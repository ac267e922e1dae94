package dev.microvm.event;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.clock.Timers;
import java.util.concurrent.Executor;

/**
 * A thread that runs a machine's I/O: tasks in the order they came, timers, and actions of {@link
 * Signal signals}, one at a time. Any thread may call. What runs here must not block; an exception
 * it throws is logged and the loop goes on.
 */
public interface EventLoop extends Timers, Executor, AutoCloseable {
    /** Makes a signal whose {@code action} runs on this loop's thread. */
    Signal signal(Runnable action);

    /** Whether the caller is the loop's own thread. */
    boolean onLoopThread();

    /**
     * Stops the loop's clock: {@link #nanoTime} stands and no timer fires until {@link
     * #resumeClock}. Tasks and signals still run, and timers can be armed. An action of a timer
     * that is running continues; a task that is queued now runs after it. Pausing twice is once.
     */
    void pauseClock();

    /** Lets the clock move again; does nothing if it is not paused. */
    void resumeClock(ClockOnResume how);

    /** Whether the thread has ended, so that no action runs and none will. */
    boolean ended();

    /**
     * Stops the thread after what runs now, drops what is queued, frees everything. Twice is once.
     * Bounded in time: an action that blocks is interrupted, and if it still goes on, {@link
     * #ended} is false.
     */
    @Override
    void close();
}
