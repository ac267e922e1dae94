package dev.microvm.vcpu;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The platform threads of one machine's vCPUs, named {@code microvm-<name>-vcpu-<n>}. Any thread may call. */
public final class VcpuThreads {
    private static final Logger log = LoggerFactory.getLogger(VcpuThreads.class);

    /** How long a thread may take to leave a device before it is interrupted. */
    private static final Duration PATIENCE = Duration.ofMillis(200);

    private final List<VcpuLoop> loops;
    private final List<Thread> threads = new ArrayList<>();

    /** Makes the threads, which are daemons; none runs yet. */
    public VcpuThreads(String machineName, List<VcpuLoop> loops) {
        this.loops = List.copyOf(loops);
        for (int i = 0; i < loops.size(); i++) {
            threads.add(Thread.ofPlatform()
                    .name("microvm-" + machineName + "-vcpu-" + i)
                    .daemon()
                    .unstarted(loops.get(i)));
        }
    }

    /** Starts all vCPUs. */
    public void start() {
        threads.forEach(Thread::start);
    }

    /** Tells all vCPUs to stop; returns at once. */
    public void stop() {
        loops.forEach(VcpuLoop::stop);
    }

    /** Whether the calling thread is one of these. */
    public boolean onVcpuThread() {
        return threads.contains(Thread.currentThread());
    }

    /**
     * Stops all vCPUs and waits for their threads to end.
     *
     * @param limit how long to wait in all
     * @return whether all have ended; if not, what the guest uses must stay allocated
     */
    public boolean stopAndJoin(Duration limit) {
        long deadline = System.nanoTime() + limit.toNanos();
        boolean interrupted = false;
        boolean ended = true;
        stop();
        for (Thread thread : threads) {
            if (thread.getState() == Thread.State.NEW) continue;
            try {
                Duration left = untilOrNow(deadline);
                if (thread.join(left.compareTo(PATIENCE) < 0 ? left : PATIENCE)) continue;
                thread.interrupt(); // blocked in a device's back end, in Java: that gives up
                if (thread.join(untilOrNow(deadline))) continue;
            } catch (InterruptedException e) {
                interrupted = true; // still bounded: look once more, without waiting
                thread.interrupt();
                if (!thread.isAlive()) continue;
            }
            log.error("{} does not end", thread.getName());
            ended = false;
        }
        if (interrupted) Thread.currentThread().interrupt();
        return ended;
    }

    /** What is left of a time limit; one nanosecond if nothing is. */
    private static Duration untilOrNow(long deadline) {
        return Duration.ofNanos(Math.max(1, deadline - System.nanoTime()));
    }
}
