package dev.microvm.event;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * An {@link EventLoop} of Java alone, for any host: a thread that parks when there is nothing to do. Its signals can be
 * raised by Java only; KVM, which raises descriptors, needs the loop of Linux.
 */
public final class JavaEventLoop extends EventLoopThread {
    private final Queue<LoopSignal> raised = new ArrayDeque<>(); // guarded by this

    /**
     * Starts a loop.
     *
     * @param threadName of its thread, which is a daemon
     */
    public JavaEventLoop(String threadName) {
        super(threadName);
        start();
    }

    @Override
    public Signal signal(Runnable action) {
        refuseIfClosing();
        return new LoopSignal(action);
    }

    /** In turns, so that none of tasks, signals and timers keeps the others waiting by adding to itself. */
    @Override
    protected void loop() {
        while (true) {
            long delay;
            synchronized (this) {
                if (isClosing()) return;
                delay = hasTasks() || !raised.isEmpty() ? 0 : untilFirstTimer();
            }
            if (delay > 0) {
                Thread.interrupted(); // a pending interrupt, which some action left, would keep it from parking
                LockSupport.parkNanos(this, delay);
            }
            runTasks();
            runSignals();
            runTimers();
        }
    }

    private void runSignals() {
        int left;
        synchronized (this) {
            left = raised.size();
        }
        while (left-- > 0) run(nextSignal());
    }

    private synchronized @Nullable Runnable nextSignal() {
        LoopSignal signal = isClosing() ? null : raised.poll();
        if (signal == null) return null;
        signal.isRaised = false;
        return signal.action;
    }

    @Override
    protected void wake() {
        LockSupport.unpark(thread());
    }

    @Override
    protected void firstTimerChanged() {
        if (!onLoopThread()) wake();
    }

    @Override
    protected synchronized void free() {
        raised.clear();
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
                if (isRaised || closed || isClosing()) return;
                isRaised = true;
                raised.add(this);
            }
            wake();
        }

        @Override
        public void close() {
            synchronized (JavaEventLoop.this) {
                closed = true;
                if (isRaised) raised.remove(this);
            }
        }
    }
}
