package dev.microvm.bench;

import dev.microvm.bus.BusDevice;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Hears the guest {@code tick.S}: when it first ran, and how long it stood still at most. */
final class TickDevice implements BusDevice {
    /** Where the guest writes. */
    static final int PORT = 0xe9;

    private static final int LIMIT_SECONDS = 120;

    private final boolean halting;
    private final CountDownLatch ran = new CountDownLatch(1);
    private volatile long first;
    private volatile long longestGap;
    private final AtomicLong ticks = new AtomicLong();
    private long last; // of the vCPU's thread

    /**
     * Makes one.
     *
     * @param halting whether the guest is to halt after its next tick
     */
    TickDevice(boolean halting) {
        this.halting = halting;
    }

    @Override
    public long read(long offset, int size) {
        return halting && first != 0 ? 1 : 0;
    }

    @Override
    public void write(long offset, int size, long value) {
        long now = System.nanoTime();
        if (first == 0) {
            first = now;
            ran.countDown();
        } else if (now - last > longestGap) {
            longestGap = now - last;
        }
        last = now;
        ticks.incrementAndGet();
    }

    /** Waits for the first tick, and returns when it was, by {@link System#nanoTime}. */
    long awaitFirst() throws InterruptedException {
        if (!ran.await(LIMIT_SECONDS, TimeUnit.SECONDS)) throw new IllegalStateException("the guest does not run");
        return first;
    }

    /** Waits for the next tick, so that {@link #longestGap} has what was before it. */
    void awaitNext() throws InterruptedException {
        long before = ticks.get();
        while (ticks.get() == before) {
            if (Thread.interrupted()) throw new InterruptedException();
            Thread.onSpinWait();
        }
    }

    /** Forgets gaps so far. */
    void forgetGaps() {
        longestGap = 0;
    }

    /** Returns the longest time between two ticks, in nanoseconds. */
    long longestGap() {
        return longestGap;
    }
}
