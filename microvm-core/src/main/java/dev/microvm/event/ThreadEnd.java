package dev.microvm.event;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/** Waits for the ends of threads, for whoever releases what they use. */
public final class ThreadEnd {
    private ThreadEnd() {}

    /**
     * Waits until a thread has ended. An interrupt of the caller neither ends nor shortens the wait,
     * because a release that is cut short leaks; it is pending again when this returns.
     *
     * @param limit how long to wait
     * @return whether the thread has ended; also true for one that never ran
     */
    public static boolean await(Thread thread, Duration limit) {
        Objects.requireNonNull(thread, "thread");
        Objects.requireNonNull(limit, "limit");
        long deadline = System.nanoTime() + limit.toNanos();
        boolean interrupted = false;
        try {
            while (thread.isAlive()) {
                long left = deadline - System.nanoTime();
                if (left <= 0) return false;
                try {
                    TimeUnit.NANOSECONDS.timedJoin(thread, Math.max(left, TimeUnit.MILLISECONDS.toNanos(1)));
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            return true;
        } finally {
            if (interrupted) Thread.currentThread().interrupt();
        }
    }
}
