package dev.microvm.vcpu;

import dev.microvm.event.ThreadEnd;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The platform threads of one machine's vCPUs, named {@code microvm-<name>-vcpu-<n>}. Any thread
 * may call.
 */
public final class VcpuThreads {
    private static final Logger log = LoggerFactory.getLogger(VcpuThreads.class);

    /** How long a thread may take to leave a device before it is interrupted. */
    private static final Duration PATIENCE = Duration.ofMillis(200);

    private static final int NONE = -1;

    private final List<VcpuLoop> loops;
    private final List<Thread> threads = new ArrayList<>();
    private final Object pausing = new Object(); // held while vCPUs come to a stop: one pause or resume at a time
    private boolean paused; // guarded by pausing

    /** Makes the threads, which are daemons; none runs yet. */
    public VcpuThreads(String machineName, List<VcpuLoop> loops) {
        Objects.requireNonNull(machineName, "machineName");
        Objects.requireNonNull(loops, "loops");
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

    /**
     * Stops all vCPUs between two instructions, outside of {@link dev.microvm.hypervisor.Vcpu#run},
     * with no access to a device half done, and returns when all are there. Their threads wait
     * without using the CPU; a vCPU that halts stays halted. The caller, or a thread it tells, may
     * then read and write their state.
     *
     * <p>vCPUs that have ended, or that are stopped meanwhile, count as paused. Threads that are
     * not started yet wait at their beginning. Pausing what is paused does nothing. An interrupt
     * does not end the wait.
     *
     * @param limit how long to wait in all
     * @throws PauseFailedException if a vCPU is not there in time, because a device keeps it; then
     *     all run again
     * @throws IllegalStateException on a vCPU's thread, which would wait for itself
     */
    public void pause(Duration limit) {
        Objects.requireNonNull(limit, "limit");
        refuseVcpuThread("pause");
        synchronized (pausing) {
            if (paused) return;
            int late = sendToGates(limit);
            if (late != NONE) {
                String where = whereIs(threads.get(late));
                loops.forEach(VcpuLoop::resume);
                throw new PauseFailedException("vCPU %d does not pause within %s: %s".formatted(late, limit, where));
            }
            paused = true;
        }
    }

    /** Returns the first vCPU whose thread does not come to its gate in time, or NONE. */
    private int sendToGates(Duration limit) {
        long deadline = System.nanoTime() + limit.toNanos();
        loops.forEach(VcpuLoop::pause);
        for (int i = 0; i < loops.size(); i++) if (!loops.get(i).awaitPaused(deadline)) return i;
        return NONE;
    }

    /**
     * Looks whether the guest has halted for good: each vCPU is in HLT with interrupts off, or waits
     * for another one to start it. Stops all vCPUs for a moment, as {@link #pause}.
     *
     * <p>What cannot be seen: an NMI that a device is yet to send, and a vCPU whose HLT is an exit
     * of {@link dev.microvm.hypervisor.InterruptMode#USERSPACE}.
     *
     * @param limit how long to wait for the vCPUs in all
     * @return false also if one does not stop in time, or they are paused, or one is stopped or held
     *     by a debugger
     * @throws IllegalStateException on a vCPU's thread, which would wait for itself
     */
    public boolean haltedForGood(Duration limit) {
        Objects.requireNonNull(limit, "limit");
        refuseVcpuThread("haltedForGood");
        synchronized (pausing) {
            if (paused) return false;
            try {
                return sendToGates(limit) == NONE && loops.stream().allMatch(VcpuLoop::isHaltedForGood);
            } finally {
                loops.forEach(VcpuLoop::resume);
            }
        }
    }

    /** Returns the number of vCPUs. */
    int count() {
        return loops.size();
    }

    /** Keeps a vCPU from running, or lets it run again; returns at once. */
    void throttle(int vcpu, boolean now) {
        loops.get(vcpu).throttle(now);
    }

    /** Returns the CPU time that a vCPU's thread has used, in nanoseconds; 0 if it does not run. */
    long cpuNanos(int vcpu) {
        return CpuTime.ofThread(threads.get(vcpu));
    }

    /**
     * Returns the CPU time that the vCPUs' threads have used, in nanoseconds; what a thread that has
     * ended used does not count.
     */
    public long cpuNanos() {
        long sum = 0;
        for (int vcpu = 0; vcpu < threads.size(); vcpu++) sum += cpuNanos(vcpu);
        return sum;
    }

    /**
     * Lets all vCPUs run again but those that a debugger holds; does nothing if they are not
     * paused. Waits for a {@link #pause} that another thread is in.
     *
     * @throws IllegalStateException on a vCPU's thread, for which that pause would wait
     */
    public void resume() {
        refuseVcpuThread("resume");
        synchronized (pausing) {
            if (!paused) return;
            paused = false;
            loops.forEach(VcpuLoop::resume);
        }
    }

    /**
     * Runs one instruction of one vCPU, while the others stay paused.
     *
     * @param vcpu its index
     * @param limit how long the instruction may take
     * @throws PauseFailedException if it takes longer, because a device keeps the vCPU
     * @throws IllegalStateException if the vCPUs are not paused, or this one has ended or was not
     *     started; on a vCPU's thread, which would wait for itself
     */
    public StepEnd step(int vcpu, Duration limit) {
        Objects.requireNonNull(limit, "limit");
        refuseVcpuThread("step");
        synchronized (pausing) {
            if (!paused) throw new IllegalStateException("step: the vCPUs are not paused");
            return loops.get(vcpu).step(limit);
        }
    }

    private void refuseVcpuThread(String what) {
        if (onVcpuThread())
            throw new IllegalStateException(
                    what + " on " + Thread.currentThread().getName());
    }

    /** Where a thread is, for a message. */
    private static String whereIs(Thread thread) {
        StackTraceElement[] stack = thread.getStackTrace();
        return thread.getName() + (stack.length == 0 ? " has just ended" : " is at " + stack[0]);
    }

    /** Sets who is told of the debug exits of all vCPUs, in place of who was told before. */
    public void debugListener(DebugListener listener) {
        Objects.requireNonNull(listener, "listener");
        loops.forEach(loop -> loop.debugListener(listener));
    }

    /**
     * Lets a vCPU run again for which a {@link DebugListener} said {@link
     * DebugListener.Next#STAY_STOPPED}, once all are resumed; does nothing to another.
     *
     * @param vcpu its index
     */
    public void release(int vcpu) {
        loops.get(vcpu).release();
    }

    /** Whether the calling thread is one of these. */
    public boolean onVcpuThread() {
        return threads.contains(Thread.currentThread());
    }

    /**
     * Stops all vCPUs and waits for their threads to end. An interrupt does not end the wait.
     *
     * @param limit how long to wait in all
     * @return whether all have ended; if not, what the guest uses must stay allocated
     */
    public boolean stopAndJoin(Duration limit) {
        Objects.requireNonNull(limit, "limit");
        long deadline = System.nanoTime() + limit.toNanos();
        boolean ended = true;
        stop();
        for (Thread thread : threads) {
            Duration left = untilOrNow(deadline);
            if (ThreadEnd.await(thread, left.compareTo(PATIENCE) < 0 ? left : PATIENCE)) continue;
            thread.interrupt(); // blocked in a device's back end, in Java: that gives up
            if (ThreadEnd.await(thread, untilOrNow(deadline))) continue;
            log.error("{} does not end", thread.getName());
            ended = false;
        }
        return ended;
    }

    /** What is left of a time limit; one nanosecond if nothing is. */
    private static Duration untilOrNow(long deadline) {
        return Duration.ofNanos(Math.max(1, deadline - System.nanoTime()));
    }
}
