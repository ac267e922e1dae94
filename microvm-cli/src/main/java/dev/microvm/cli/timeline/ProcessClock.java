package dev.microvm.cli.timeline;

import java.time.Duration;
import java.time.Instant;

/** Time since this process began: the JVM's own start is in it, to 10 ms. */
public final class ProcessClock {
    private static final double NANOS = 1e6; // of a millisecond

    private static volatile long mainBegan;

    private ProcessClock() {}

    /** Notes that the JVM has done its part. */
    public static void beginMain() {
        mainBegan = System.nanoTime();
    }

    /** Returns when the JVM had done its part. */
    static long mainBegan() {
        return mainBegan;
    }

    /** Returns the time of {@link System#nanoTime} at which the process began. */
    static long processBegan() {
        long now = System.nanoTime();
        return ProcessHandle.current()
                .info()
                .startInstant()
                .map(start -> Math.min(
                        mainBegan, now - Duration.between(start, Instant.now()).toNanos()))
                .orElse(mainBegan);
    }

    static double millis(long from, long to) {
        return (to - from) / NANOS;
    }
}
