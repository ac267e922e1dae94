package dev.microvm.event;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.clock.PausableClock;
import dev.microvm.clock.Timers.Timer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Objects;
import java.util.PriorityQueue;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What event loops have in common: a thread with its life, the queue of tasks, and timers by a
 * clock that can be paused. How the thread waits, and what signals are, is the loop's own {@link
 * Body}. Any thread may call, unless a method says that it is for the loop's.
 */
public final class EventLoopThread {
    private static final Logger log = LoggerFactory.getLogger(EventLoopThread.class);
    private static final Duration JOIN_LIMIT = Duration.ofSeconds(5);

    /** What {@link #untilFirstTimer} says if there is no timer to wait for. */
    public static final long FOREVER = Long.MAX_VALUE;

    private final Thread thread;
    private final Body body;
    private final PausableClock clock = new PausableClock();

    // Guarded by this.
    private final Queue<Runnable> tasks = new ArrayDeque<>();
    private final PriorityQueue<LoopTimer> armed = new PriorityQueue<>((a, b) -> Long.signum(a.deadline - b.deadline));
    private boolean closing;

    /** What makes one kind of loop. Called under no lock of the {@link EventLoopThread}. */
    public interface Body {
        /**
         * Runs on the loop's thread until {@link EventLoopThread#isClosing}: waits until {@link
         * #wake} or for {@link EventLoopThread#untilFirstTimer}, serves signals, and calls {@link
         * EventLoopThread#runTasks} and {@link EventLoopThread#runTimers}, each time around.
         */
        void loop();

        /** Makes the thread look at its queues again; any thread may call. */
        void wake();

        /**
         * {@link EventLoopThread#untilFirstTimer} is another now, so that the thread may wait too
         * long; any thread may call.
         */
        void firstTimerChanged();

        /** Frees what the loop holds, on its thread, after {@link #loop}. */
        void free();
    }

    /**
     * Makes a loop's thread, which runs from {@link #start} on.
     *
     * @param name of the thread, which is a daemon
     */
    public EventLoopThread(String name, Body body) {
        Objects.requireNonNull(name, "name");
        this.body = Objects.requireNonNull(body, "body");
        thread = Thread.ofPlatform().name(name).daemon().unstarted(this::live);
    }

    /** Starts the thread: the last thing that a loop's constructor does. */
    public void start() {
        thread.start();
    }

    private void live() {
        try {
            body.loop();
        } finally {
            synchronized (this) {
                closing = true;
                tasks.clear();
                armed.clear();
            }
            body.free();
        }
    }

    /** {@link EventLoop#nanoTime}. */
    public long nanoTime() {
        return clock.nanoTime();
    }

    /** {@link EventLoop#onLoopThread}. */
    public boolean onLoopThread() {
        return Thread.currentThread().equals(thread);
    }

    /** {@link EventLoop#ended}. */
    public boolean ended() {
        return !thread.isAlive();
    }

    /** Whether the loop was told to close. */
    public synchronized boolean isClosing() {
        return closing;
    }

    /** Throws if the loop was told to close. */
    public void refuseIfClosing() {
        if (isClosing()) throw new IllegalStateException("event loop " + thread.getName() + " is closed");
    }

    /** The loop's thread, for a loop that parks it. */
    public Thread thread() {
        return thread;
    }

    /** {@link EventLoop#execute}. */
    public void execute(Runnable task) {
        Objects.requireNonNull(task, "task");
        synchronized (this) {
            if (closing) return;
            tasks.add(task);
        }
        if (!onLoopThread()) body.wake(); // the thread itself looks before it waits
    }

    /** {@link EventLoop#timer}. */
    public Timer timer(Runnable action) {
        Objects.requireNonNull(action, "action");
        return new LoopTimer(action);
    }

    /** {@link EventLoop#pauseClock}. */
    public void pauseClock() {
        synchronized (this) {
            clock.pause(); // no timer is taken from the queue any more
        }
        body.firstTimerChanged();
    }

    /** {@link EventLoop#resumeClock}. */
    public void resumeClock(ClockOnResume how) {
        Objects.requireNonNull(how, "how");
        synchronized (this) {
            clock.resume(how);
        }
        body.firstTimerChanged();
    }

    /** {@link EventLoop#close}. */
    public void close() {
        synchronized (this) {
            closing = true;
        }
        body.wake();
        if (onLoopThread()) return; // the loop ends when this action returns
        if (ThreadEnd.await(thread, JOIN_LIMIT)) return;
        thread.interrupt(); // an action that blocks in Java gives up
        if (!ThreadEnd.await(thread, JOIN_LIMIT))
            log.error("{} does not end: an action of it blocks", thread.getName());
    }

    /** Whether tasks wait for {@link #runTasks}. */
    public synchronized boolean hasTasks() {
        return !tasks.isEmpty();
    }

    /**
     * Runs the tasks that are queued now, on the loop's thread; what is queued meanwhile waits for
     * its next turn.
     */
    public void runTasks() {
        int left;
        synchronized (this) {
            left = tasks.size();
        }
        while (left-- > 0) run(nextTask());
    }

    private synchronized @Nullable Runnable nextTask() {
        return closing ? null : tasks.poll();
    }

    /**
     * Runs the timers that are due, on the loop's thread; one that arms itself for the past
     * meanwhile waits for its next turn.
     */
    public void runTimers() {
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
    public synchronized long untilFirstTimer() {
        LoopTimer first = armed.peek();
        return first == null || clock.isPaused() ? FOREVER : first.deadline - clock.nanoTime();
    }

    /** Runs an action and logs what it throws; does nothing without one. */
    public static void run(@Nullable Runnable action) {
        if (action == null) return;
        try {
            action.run();
        } catch (RuntimeException | Error e) {
            report(e);
        }
    }

    private static void report(Throwable failure) {
        try {
            log.error("an action of the event loop failed", failure);
        } catch (RuntimeException | Error e) {
            // It cannot be told, for lack of memory perhaps; all other actions still count.
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
            body.firstTimerChanged();
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
