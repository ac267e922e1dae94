package dev.microvm.engine;

import dev.microvm.clock.Timers;
import java.util.PriorityQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One machine's timers, on a thread of their own that starts with the first. Any thread may call. */
final class EngineTimers implements Timers, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(EngineTimers.class);
    private static final long JOIN_MILLIS = 5_000;

    private final String name;
    private final PriorityQueue<Armed> queue = new PriorityQueue<>(); // guarded by this
    private Thread thread; // guarded by this
    private boolean closed;

    /** Makes timers without a thread. */
    @SuppressWarnings("this-escape")
    EngineTimers(String name) {
        this.name = name;
        this.thread = Thread.ofPlatform().name(name).daemon().unstarted(this::run);
    }

    @Override
    public long nanoTime() {
        return System.nanoTime();
    }

    @Override
    public Timer timer(Runnable action) {
        return new Armed(action);
    }

    private void run() {
        while (true) {
            Armed due = await();
            if (due == null) return;
            try {
                due.action.run();
            } catch (RuntimeException e) {
                log.error("{}: a timer's action failed", name, e);
            }
        }
    }

    /** Waits for the next timer; null when closed. */
    private synchronized @Nullable Armed await() {
        while (!closed) {
            Armed next = queue.peek();
            try {
                if (next == null) {
                    wait();
                    continue;
                }
                long left = next.deadline - nanoTime();
                if (left <= 0) {
                    queue.remove();
                    next.queued = false;
                    return next;
                }
                TimeUnit.NANOSECONDS.timedWait(this, left);
            } catch (InterruptedException e) {
                return null;
            }
        }
        return null;
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            queue.clear();
            notifyAll();
        }
        if (thread.getState() == Thread.State.NEW || thread.equals(Thread.currentThread())) return;
        try {
            thread.join(JOIN_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private final class Armed implements Timer, Comparable<Armed> {
        private final Runnable action;
        private long deadline;
        private boolean queued;

        Armed(Runnable action) {
            this.action = action;
        }

        @Override
        public void armAt(long newDeadline) {
            synchronized (EngineTimers.this) {
                if (closed) return;
                if (queued) queue.remove(this);
                deadline = newDeadline;
                queue.add(this);
                queued = true;
                if (thread.getState() == Thread.State.NEW) thread.start();
                if (queue.peek() == this) EngineTimers.this.notifyAll();
            }
        }

        @Override
        public void cancel() {
            synchronized (EngineTimers.this) {
                if (queued) queue.remove(this);
                queued = false;
            }
        }

        @Override
        public int compareTo(Armed other) {
            return Long.compare(deadline - other.deadline, 0);
        }
    }
}
