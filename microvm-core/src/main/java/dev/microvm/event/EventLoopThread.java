package dev.microvm.event;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.clock.PausableClock;
import java.util.ArrayDeque;
import java.util.PriorityQueue;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What event loops have in common: a thread with its life, the queue of tasks, and timers by a clock that can be paused.
 * How the thread waits, and what signals are, is the subclass's: its {@link #loop} waits until {@link #wake} or
 * {@link #untilFirstTimer}, and calls {@link #runTasks} and {@link #runTimers} each time around.
 */
public abstract class EventLoopThread implements EventLoop {
    private static final Logger log = LoggerFactory.getLogger(EventLoopThread.class);
    private static final long JOIN_MILLIS = 5_000;

    /** What {@link #untilFirstTimer} says if there is no timer to wait for. */
    protected static final long FOREVER = Long.MAX_VALUE;

    private final Thread thread;
    private final PausableClock clock = new PausableClock();

    // Guarded by this.
    private final Queue<Runnable> tasks = new ArrayDeque<>();
    private final PriorityQueue<LoopTimer> armed = new PriorityQueue<>((a, b) -> Long.signum(a.deadline - b.deadline));
    private boolean closing;

    /**
     * Makes a loop, which runs from {@link #start} on.
     *
     * @param threadName of its thread, which is a daemon
     */
    @SuppressWarnings("this-escape") // the thread is not started yet
    protected EventLoopThread(String threadName) {
        thread = Thread.ofPlatform().name(threadName).daemon().unstarted(this::live);
    }

    /** Starts the thread: the last thing that a subclass's constructor does. */
    protected final void start() {
        thread.start();
    }

    /** Waits and runs what comes, on the loop's thread, until {@link #isClosing}. */
    protected abstract void loop();

    /** Makes the loop's thread look at its queues again; any thread may call. */
    protected abstract void wake();

    /** Called, on any thread and under no lock, when {@link #untilFirstTimer} is another: the thread may wait too long. */
    protected abstract void firstTimerChanged();

    /** Frees what the loop holds, on its thread, after {@link #loop}. */
    protected abstract void free();

    private void live() {
        try {
            loop();
        } finally {
            synchronized (this) {
                closing = true;
                tasks.clear();
                armed.clear();
            }
            free();
        }
    }

    @Override
    public final long nanoTime() {
        return clock.nanoTime();
    }

    @Override
    public final boolean onLoopThread() {
        return Thread.currentThread().equals(thread);
    }

    @Override
    public final boolean ended() {
        return !thread.isAlive();
    }

    /** Whether the loop was told to close. */
    protected final synchronized boolean isClosing() {
        return closing;
    }

    /** Throws if the loop was told to close. */
    protected final void refuseIfClosing() {
        if (isClosing()) throw new IllegalStateException("event loop " + thread.getName() + " is closed");
    }

    /** The loop's thread, for a subclass that parks it. */
    protected final Thread thread() {
        return thread;
    }

    @Override
    public final void execute(Runnable task) {
        synchronized (this) {
            if (closing) return;
            tasks.add(task);
        }
        if (!onLoopThread()) wake(); // the thread itself looks before it waits
    }

    @Override
    public final Timer timer(Runnable action) {
        return new LoopTimer(action);
    }

    @Override
    public final void pauseClock() {
        synchronized (this) {
            clock.pause(); // no timer is taken from the queue any more
        }
        firstTimerChanged();
    }

    @Override
    public final void resumeClock(ClockOnResume how) {
        synchronized (this) {
            clock.resume(how);
        }
        firstTimerChanged();
    }

    @Override
    public final void close() {
        synchronized (this) {
            closing = true;
        }
        wake();
        if (onLoopThread()) return; // the loop ends when this action returns
        boolean interrupted = false;
        try {
            thread.join(JOIN_MILLIS);
            if (thread.isAlive()) {
                thread.interrupt(); // an action that blocks in Java gives up
                thread.join(JOIN_MILLIS);
            }
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (thread.isAlive()) log.error("{} does not end: an action of it blocks", thread.getName());
        if (interrupted) Thread.currentThread().interrupt();
    }

    /** Whether tasks wait for {@link #runTasks}. */
    protected final synchronized boolean hasTasks() {
        return !tasks.isEmpty();
    }

    /** Runs the tasks that are queued now; what is queued meanwhile waits for its next turn. */
    protected final void runTasks() {
        int left;
        synchronized (this) {
            left = tasks.size();
        }
        while (left-- > 0) run(nextTask());
    }

    private synchronized @Nullable Runnable nextTask() {
        return closing ? null : tasks.poll();
    }

    /** Runs the timers that are due; one that arms itself for the past meanwhile waits for its next turn. */
    protected final void runTimers() {
        int left;
        synchronized (this) {
            left = armed.size();
        }
        while (left-- > 0) {
            Runnable action = nextTimer();
            if (action == null) return;
            run(action);
        }
    }

    private synchronized @Nullable Runnable nextTimer() {
        if (closing || untilFirstTimer() > 0) return null;
        LoopTimer timer = armed.remove();
        timer.isArmed = false;
        return timer.action;
    }

    /** Nanoseconds until the first timer is due, 0 or less if it is, or {@link #FOREVER}. */
    protected final synchronized long untilFirstTimer() {
        LoopTimer first = armed.peek();
        return first == null || clock.isPaused() ? FOREVER : first.deadline - clock.nanoTime();
    }

    /** Runs an action and logs what it throws; does nothing without one. */
    protected static void run(@Nullable Runnable action) {
        if (action == null) return;
        try {
            action.run();
        } catch (RuntimeException | Error e) {
            log.error("an action of the event loop failed", e);
        }
    }

    private final class LoopTimer implements Timer {
        private final Runnable action;

        // Guarded by the loop.
        private long deadline;
        private boolean isArmed;

        LoopTimer(Runnable action) {
            this.action = action;
        }

        @Override
        public void armAt(long newDeadline) {
            synchronized (EventLoopThread.this) {
                if (closing) return;
                LoopTimer first = armed.peek();
                if (isArmed) armed.remove(this);
                deadline = newDeadline;
                isArmed = true;
                armed.add(this);
                if (first != this && armed.peek() != this) return;
            }
            firstTimerChanged();
        }

        @Override
        public void cancel() {
            synchronized (EventLoopThread.this) {
                if (!isArmed) return;
                isArmed = false;
                armed.remove(this); // the thread may wake for nothing once; that is cheaper than a system call here
            }
        }
    }
}
