package dev.microvm.boot.testing;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;

/** Measures the work of the calling thread, whatever else the host does. */
public final class CpuTime {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private CpuTime() {}

    /** Runs {@code action} and returns how long a CPU was busy with it. */
    public static Duration of(Runnable action) {
        long before = THREADS.getCurrentThreadCpuTime();
        action.run();
        return Duration.ofNanos(THREADS.getCurrentThreadCpuTime() - before);
    }
}
