package dev.microvm.error;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts what a guest or a peer can cause at will, and says when to log it: the 1st, 2nd, 4th,
 * 8th... time. Any thread may call.
 */
public final class GuestNoise {
    private final AtomicLong times = new AtomicLong();

    /** Starts at none. */
    public GuestNoise() {}

    /**
     * Counts one more.
     *
     * @return how many there were, if this one is to be logged, else 0
     */
    public long count() {
        long n = times.incrementAndGet();
        return Long.bitCount(n) == 1 ? n : 0;
    }
}
