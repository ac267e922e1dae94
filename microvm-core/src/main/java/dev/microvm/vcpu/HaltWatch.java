package dev.microvm.vcpu;

import dev.microvm.event.ThreadEnd;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notices that a guest has halted for good, which no exit tells where the hypervisor itself waits
 * for the end of a HLT.
 *
 * <p>Twice a second it reads the CPU time of the vCPUs' threads. Only if they used none since the
 * last look, a thread of its own stops them for a moment and inspects them: {@link
 * VcpuThreads#haltedForGood}. A guest that works is never disturbed, an idle one once a second.
 */
public final class HaltWatch implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(HaltWatch.class);
    private static final Duration PERIOD = Duration.ofMillis(500);

    /** For vCPUs to leave the guest; one that is busy in a device is looked at another time. */
    private static final Duration STOP_LIMIT = Duration.ofMillis(200);

    private static final Duration JOIN_LIMIT = Duration.ofSeconds(5);

    private final String machine;
    private final VcpuThreads threads;
    private final Runnable halted;

    // Guarded by this.
    private CompletableFuture<@Nullable Void> next = new CompletableFuture<>();
    private long cpuNanos = -1;
    private @Nullable Thread inspector;
    private boolean closed;

    /**
     * Makes a watch that {@link #start} starts.
     *
     * @param machine for the name of its thread
     * @param halted is run once, on that thread
     */
    public HaltWatch(String machine, VcpuThreads threads, Runnable halted) {
        this.machine = Objects.requireNonNull(machine, "machine");
        this.threads = Objects.requireNonNull(threads, "threads");
        this.halted = Objects.requireNonNull(halted, "halted");
    }

    /** Begins to look. */
    public synchronized void start() {
        if (closed) return;
        next = new CompletableFuture<@Nullable Void>()
                .completeOnTimeout(null, PERIOD.toMillis(), TimeUnit.MILLISECONDS);
        var _ = next.thenRun(this::look); // it does not throw
    }

    /** On the JVM's thread for time-outs, so it must be quick. */
    private synchronized void look() {
        if (closed) return;
        long before = cpuNanos;
        cpuNanos = threads.cpuNanos();
        if (cpuNanos != before) {
            start();
            return;
        }
        try {
            inspector = Thread.ofPlatform()
                    .name("microvm-" + machine + "-halt")
                    .daemon()
                    .start(this::inspect);
        } catch (OutOfMemoryError e) { // also if the host has no thread left: another time
            start();
        }
    }

    private void inspect() {
        try {
            if (threads.haltedForGood(STOP_LIMIT)) halted.run();
            else start();
        } catch (RuntimeException | Error e) {
            log.error("machine {}: cannot see whether the guest has halted; nobody looks any more", machine, e);
        }
    }

    /** Looks no more; waits for an inspection that is under way. */
    @Override
    public void close() {
        Thread last;
        synchronized (this) {
            closed = true;
            next.cancel(false); // which takes it from the JVM's timer
            last = inspector;
        }
        if (last != null && !last.equals(Thread.currentThread())) ThreadEnd.await(last, JOIN_LIMIT);
    }
}
