package dev.microvm.limits;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Admits operations at the rate of a {@link RateLimit}, which may be changed at any time.
 *
 * <p>An operation is admitted when those before it are paid for, whatever its own size: a large one
 * delays its successors, so that the average holds for any mix of sizes. After idle time, up to
 * {@link #BURST_NANOS} worth of operations passes at once. (This is the generic cell rate algorithm
 * of ATM: each limit is one number, the time when all that was admitted is paid for.)
 *
 * <p>Thread-safe and free of locks; without a limit, {@link #admit} is one read. With several
 * threads an operation too many may be admitted; its successors wait for it.
 */
public final class RateLimiter {
    /** How much idle time counts, in nanoseconds: 50 ms. */
    public static final long BURST_NANOS = 50_000_000;

    private static final long NANOS_PER_SECOND = 1_000_000_000;
    /** The longest debt of one operation, so that a tiny limit and a huge request cannot overflow. */
    private static final long LONGEST_DEBT_NANOS = 3_600 * NANOS_PER_SECOND;

    private final AtomicLong bytesPaid;
    private final AtomicLong operationsPaid;
    private volatile RateLimit limit;

    /**
     * Makes a limiter.
     *
     * @param now the time as of {@link #admit}
     */
    public RateLimiter(RateLimit limit, long now) {
        this.limit = Objects.requireNonNull(limit, "limit");
        bytesPaid = new AtomicLong(now);
        operationsPaid = new AtomicLong(now);
    }

    /** Returns the limit. */
    public RateLimit limit() {
        return limit;
    }

    /** Changes the limit; debts of earlier operations are forgotten. */
    public void limit(RateLimit newLimit, long now) {
        Objects.requireNonNull(newLimit, "limit");
        bytesPaid.set(now);
        operationsPaid.set(now);
        limit = newLimit;
    }

    /**
     * Admits an operation or says how long to wait.
     *
     * @param now nanoseconds of a clock that never goes back, such as {@link System#nanoTime}
     * @param bytes how many bytes the operation moves, 0 or more
     * @return 0 if it is admitted; else the nanoseconds until it is worth asking again, and nothing
     *     is charged
     */
    public long admit(long now, long bytes) {
        RateLimit current = limit;
        if (current.bytesPerSecond() == 0 && current.operationsPerSecond() == 0) {
            return 0;
        }
        long wait = Math.max(
                debt(current.bytesPerSecond(), bytesPaid, now),
                debt(current.operationsPerSecond(), operationsPaid, now));
        if (wait > 0) {
            return wait;
        }
        charge(current.bytesPerSecond(), bytesPaid, now, bytes);
        charge(current.operationsPerSecond(), operationsPaid, now, 1);
        return 0;
    }

    private static long debt(long perSecond, AtomicLong paid, long now) {
        return perSecond == 0 ? 0 : Math.max(0, paid.get() - now);
    }

    private static void charge(long perSecond, AtomicLong paid, long now, long amount) {
        if (perSecond == 0) {
            return;
        }
        double nanos = (double) amount * NANOS_PER_SECOND / perSecond;
        long price = (long) Math.min(nanos, LONGEST_DEBT_NANOS);
        long before;
        long after;
        do {
            before = paid.get();
            after = Math.max(before, now - BURST_NANOS) + price;
        } while (!paid.compareAndSet(before, after));
    }
}
