package dev.microvm.event;

import java.util.ArrayDeque;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An {@link EventLoop} of Java alone, for any host: a thread that parks when there is nothing to do. Its signals can be
 * raised by Java only; KVM, which raises descriptors, needs the loop of Linux.
 */
public final class JavaEventLoop implements EventLoop {
    private static final Logger log = LoggerFactory.getLogger(JavaEventLoop.class);
    private static final long JOIN_MILLIS = 5_000;

    private final Thread thread;

    // Guarded by this.
    private final Queue<Runnable> tasks = new ArrayDeque<>();
    private final Queue<LoopSignal> raised = new ArrayDeque<>();
    private final PriorityQueue<LoopTimer> armed = new PriorityQueue<>((a, b) -> Long.signum(a.deadline - b.deadline));
    private boolean stopping;

    /**
     * Starts a loop.
     *
     * @param threadName of its thread, which is a daemon
     */
    public JavaEventLoop(String threadName) {
        thread = Thread.ofPlatform().name(threadName).daemon().unstarted(this::loop);
        thread.start();
    }

    @Override
    public long nanoTime() {
        return System.nanoTime();
    }

    @Override
    public boolean onLoopThread() {
        return Thread.currentThread().equals(thread);
    }

    @Override
    public boolean ended() {
        return !thread.isAlive();
    }

    @Override
    public void execute(Runnable task) {
        synchronized (this) {
            if (stopping) return;
            tasks.add(task);
        }
        LockSupport.unpark(thread);
    }

    @Override
    public Timer timer(Runnable action) {
        return new LoopTimer(action);
    }

    @Override
    public synchronized Signal signal(Runnable action) {
        if (stopping) throw new IllegalStateException("event loop " + thread.getName() + " is closed");
        return new LoopSignal(action);
    }

    @Override
    public void close() {
        synchronized (this) {
            stopping = true;
            tasks.clear();
            raised.clear();
            armed.clear();
        }
        LockSupport.unpark(thread);
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

    /** In turns, so that none of tasks, signals and timers keeps the others waiting by adding to itself. */
    private void loop() {
        while (true) {
            int taskTurns;
            int signalTurns;
            int timerTurns;
            long delay;
            synchronized (this) {
                if (stopping) return;
                taskTurns = tasks.size();
                signalTurns = raised.size();
                timerTurns = armed.size();
                LoopTimer first = armed.peek();
                delay = first == null ? Long.MAX_VALUE : first.deadline - System.nanoTime();
            }
            if (taskTurns + signalTurns == 0 && delay > 0) {
                Thread.interrupted(); // a pending interrupt, which some action left, would keep it from parking
                LockSupport.parkNanos(this, delay);
                continue;
            }
            while (taskTurns-- > 0) run(nextTask());
            while (signalTurns-- > 0) run(nextSignal());
            while (timerTurns-- > 0) run(nextTimer());
        }
    }

    private synchronized @Nullable Runnable nextTask() {
        return tasks.poll();
    }

    private synchronized @Nullable Runnable nextSignal() {
        LoopSignal signal = raised.poll();
        if (signal == null) return null;
        signal.isRaised = false;
        return signal.action;
    }

    private synchronized @Nullable Runnable nextTimer() {
        LoopTimer timer = armed.peek();
        if (timer == null || timer.deadline - System.nanoTime() > 0) return null;
        armed.poll();
        timer.isArmed = false;
        return timer.action;
    }

    private static void run(@Nullable Runnable action) {
        if (action == null) return;
        try {
            action.run();
        } catch (RuntimeException | Error e) {
            log.error("an action of the event loop failed", e);
        }
    }

    private final class LoopSignal implements Signal {
        private final Runnable action;

        // Guarded by the loop.
        private boolean isRaised;
        private boolean closed;

        LoopSignal(Runnable action) {
            this.action = action;
        }

        @Override
        public void raise() {
            synchronized (JavaEventLoop.this) {
                if (isRaised || closed || stopping) return;
                isRaised = true;
                raised.add(this);
            }
            LockSupport.unpark(thread);
        }

        @Override
        public void close() {
            synchronized (JavaEventLoop.this) {
                closed = true;
                if (isRaised) raised.remove(this);
            }
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
            synchronized (JavaEventLoop.this) {
                if (stopping) return;
                if (isArmed) armed.remove(this);
                deadline = newDeadline;
                isArmed = true;
                armed.add(this);
                if (armed.peek() != this) return;
            }
            LockSupport.unpark(thread);
        }

        @Override
        public void cancel() {
            synchronized (JavaEventLoop.this) {
                if (!isArmed) return;
                isArmed = false;
                armed.remove(this);
            }
        }
    }
}
