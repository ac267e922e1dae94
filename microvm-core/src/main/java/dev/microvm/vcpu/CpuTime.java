package dev.microvm.vcpu;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/** How much of a host CPU threads have used. */
final class CpuTime {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private CpuTime() {}

    /** Returns the CPU time of a thread in nanoseconds; 0 if it does not run, or cannot be measured. */
    static long ofThread(Thread thread) {
        return THREADS.isThreadCpuTimeSupported() ? Math.max(0, THREADS.getThreadCpuTime(thread.threadId())) : 0;
    }
}
