package dev.microvm.event;

import dev.microvm.clock.ClockOnResume;
import java.util.ArrayDeque;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * An {@link EventLoop} of Java alone, for any host: a thread that parks when there is nothing to
 * do. Its signals can be raised by Java only; KVM, which raises descriptors, needs the loop of
 * Linux.
 */
public final class JavaEventLoop implements EventLoop {
    private final EventLoopThread thread;
    private final Queue<LoopSignal> raised = new ArrayDeque<>(); // guarded by this

    /**
     * Starts a loop.
     *
     * @param threadName of its thread, which is a daemon
     */
    public JavaEventLoop(String threadName) {
        Objects.requireNonNull(threadName, "threadName");
        thread = new EventLoopThread(threadName, new Parking());
        thread.start();
    }

    @Override
    public long nanoTime() {
        return thread.nanoTime();
    }

    @Override
    public boolean onLoopThread() {
        return thread.onLoopThread();
    }

    @Override
    public boolean ended() {
        return thread.ended();
    }

    @Override
    public void execute(Runnable task) {
        thread.execute(task);
    }

    @Override
    public Timer timer(Runnable action) {
        return thread.timer(action);
    }

    @Override
    public void pauseClock() {
        thread.pauseClock();
    }

    @Override
    public void resumeClock(ClockOnResume how) {
        thread.resumeClock(how);
    }

    @Override
    public void close() {
        thread.close();
    }

    @Override
    public Signal signal(Runnable action) {
        Objects.requireNonNull(action, "action");
        thread.refuseIfClosing();
        return new LoopSignal(action);
    }

    /**
     * Tasks, signals and timers in turns, so that none keeps the others waiting by adding to
     * itself.
     */
    private final class Parking implements EventLoopThread.Body {
        @Override
        public void loop() {
            while (!thread.isClosing()) {
                long delay = thread.hasTasks() || hasSignals() ? 0 : thread.untilFirstTimer();
                if (delay > 0) {
                    Thread.interrupted(); // a pending interrupt, which some action left, would keep it from parking
                    LockSupport.parkNanos(JavaEventLoop.this, delay);
                }
                thread.runTasks();
                runSignals();
                thread.runTimers();
            }
        }

        @Override
        public void wake() {
            LockSupport.unpark(thread.thread());
        }

        @Override
        public void firstTimerChanged() {
            if (!thread.onLoopThread()) wake(); // the thread itself looks before it parks
        }

        @Override
        public void free() {
            synchronized (JavaEventLoop.this) {
                raised.clear();
            }
        }
    }

    private synchronized boolean hasSignals() {
        return !raised.isEmpty();
    }

    private void runSignals() {
        int left;
        synchronized (this) {
            left = raised.size();
        }
        while (left-- > 0) EventLoopThread.run(nextSignal());
    }

    private synchronized @Nullable Runnable nextSignal() {
        LoopSignal signal = thread.isClosing() ? null : raised.poll();
        if (signal == null) return null;
        signal.isRaised = false;
        return signal.action;
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
                if (isRaised || closed || thread.isClosing()) return;
                isRaised = true;
                raised.add(this);
            }
            LockSupport.unpark(thread.thread());
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
