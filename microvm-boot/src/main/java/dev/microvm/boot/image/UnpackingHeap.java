package dev.microvm.boot.image;

import dev.microvm.limits.Budget;
import dev.microvm.limits.JvmBudgets;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;

/**
 * The heap that one decompressor uses, taken from {@link JvmBudgets#unpacking()} before it is
 * allocated. For one thread.
 *
 * <p>While other machines hold what it needs, it waits, because they give it back when their
 * kernels are loaded. A decompressor takes all that it will need at once, so that none waits for
 * another while it holds something.
 */
final class UnpackingHeap implements AutoCloseable, LongConsumer {
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    private final String format;
    private final Cancellation cancellation;
    private final Budget budget;
    private final long patienceNanos;
    private final Budget.Share share;

    /** Takes nothing yet; {@code format} names the compression in messages. */
    UnpackingHeap(String format, Cancellation cancellation) {
        this(format, cancellation, JvmBudgets.unpacking(), PATIENCE_NANOS);
    }

    UnpackingHeap(String format, Cancellation cancellation, Budget budget, long patienceNanos) {
        this.format = format;
        this.cancellation = cancellation;
        this.budget = budget;
        this.patienceNanos = patienceNanos;
        share = budget.open(format, () -> {}); // what it has it needs to the end
    }

    /**
     * Takes that many bytes.
     *
     * @throws InvalidImageException if the budget is smaller, or others use it for too long
     * @throws java.util.concurrent.CancellationException if the load is cancelled meanwhile
     */
    @Override
    public void accept(long bytes) {
        if (bytes > budget.limit()) throw refused(bytes, "the budget is %d".formatted(budget.limit()));
        if (!share.tryTake(bytes)) awaitOthers(bytes);
    }

    private void awaitOthers(long bytes) {
        boolean interrupted = false;
        try {
            long start = System.nanoTime();
            while (!share.tryTake(bytes)) {
                cancellation.check();
                if (System.nanoTime() - start >= patienceNanos) {
                    throw refused(bytes, "others use %d of the budget of %d".formatted(budget.used(), budget.limit()));
                }
                LockSupport.parkNanos(POLL_NANOS);
                interrupted |= Thread.interrupted(); // which would end each further park at once
            }
        } finally {
            if (interrupted) Thread.currentThread().interrupt();
        }
    }

    private InvalidImageException refused(long bytes, String why) {
        return new InvalidImageException(
                "data that the budget for unpacking allows (a quarter of the heap, or -D%s)"
                        .formatted(JvmBudgets.UNPACKING_PROPERTY),
                "%s data that needs %d bytes of heap: %s".formatted(format, bytes, why));
    }

    /** Returns the most that one decompressor can have, in bytes. */
    long most() {
        return budget.limit();
    }

    /** Gives everything back. */
    @Override
    public void close() {
        share.close();
    }
}
