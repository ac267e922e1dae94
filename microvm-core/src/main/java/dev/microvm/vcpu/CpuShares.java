package dev.microvm.vcpu;

import dev.microvm.event.ThreadEnd;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Limits each vCPU of a machine to a share of a host CPU, on any hypervisor and without rights on
 * the host. A thread looks every 5 ms at the CPU time of the vCPUs' threads; a vCPU that has used
 * its share waits outside of the guest, at its gate, as in a pause, while guest time passes. A vCPU
 * that halts uses nothing and is never stopped. Pauses and stops are not delayed; an interrupt waits
 * until its vCPU runs again.
 *
 * <p>Without a limit there is no such thread. Any thread may call.
 */
public final class CpuShares implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(CpuShares.class);
    private static final int WHOLE = 100; // percent: no limit
    private static final long TICK_NANOS = 5_000_000;
    private static final Duration JOIN_LIMIT = Duration.ofSeconds(5);

    private final String machine;
    private final VcpuThreads threads;
    private volatile int percent = WHOLE;

    // Guarded by this.
    private boolean started;
    private boolean closed;
    private @Nullable Thread ticker;

    /** Makes one without a limit; {@code machine} is for the name of its thread. */
    public CpuShares(String machine, VcpuThreads threads) {
        this.machine = Objects.requireNonNull(machine, "machine");
        this.threads = Objects.requireNonNull(threads, "threads");
    }

    /**
     * Sets the share of each vCPU, in percent of a host CPU, 1 to 100; takes effect
     * within some milliseconds.
     */
    public synchronized void set(int newPercent) {
        percent = newPercent;
        update();
    }

    /** Begins to limit, when the vCPUs start. */
    public synchronized void start() {
        started = true;
        update();
    }

    private void update() {
        if (!started || closed || percent == WHOLE || ticker != null) return;
        ticker = Thread.ofPlatform()
                .name("microvm-" + machine + "-share")
                .daemon()
                .start(this::tick);
    }

    /** Runs until there is no limit any more. */
    private void tick() {
        try {
            limit();
        } catch (RuntimeException | Error e) {
            release();
            log.error("machine {}: its share of the CPU is no longer limited", machine, e);
        }
    }

    private void limit() {
        DutyCycle[] cycles = new DutyCycle[threads.count()];
        boolean[] throttled = new boolean[cycles.length];
        int share = WHOLE;
        while (isWanted()) {
            long now = System.nanoTime();
            boolean changed = share != percent;
            share = percent;
            for (int vcpu = 0; vcpu < cycles.length; vcpu++) {
                long cpu = threads.cpuNanos(vcpu);
                if (changed) cycles[vcpu] = new DutyCycle(share, now, cpu);
                boolean stops = !cycles[vcpu].mayRun(now, cpu);
                if (stops != throttled[vcpu]) threads.throttle(vcpu, stops);
                throttled[vcpu] = stops;
            }
            LockSupport.parkNanos(this, TICK_NANOS);
        }
    }

    private synchronized boolean isWanted() {
        if (!closed && percent != WHOLE) return true;
        release();
        return false;
    }

    private synchronized void release() {
        ticker = null;
        for (int vcpu = 0; vcpu < threads.count(); vcpu++) threads.throttle(vcpu, false);
    }

    /** Ends the limit for good and waits for its thread. */
    @Override
    public void close() {
        Thread last;
        synchronized (this) {
            closed = true;
            last = ticker;
        }
        if (last == null) return;
        LockSupport.unpark(last);
        ThreadEnd.await(last, JOIN_LIMIT);
    }
}
