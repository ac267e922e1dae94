package dev.microvm.machine;

import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.event.ThreadEnd;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All {@link HostEnd}s of a machine. They may be the user's code, so they hear of the end on a
 * thread of their own, and the release waits for them only for a bounded time.
 */
final class HostEnds implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(HostEnds.class);

    /** How long the release waits for {@link HostEnd#end}, before and after an interrupt. */
    private static final Duration PATIENCE = Duration.ofMillis(200);

    private final String machine;
    private final List<HostEnd> ends;
    private final CallbackThreads threads;
    private final ConcurrentLinkedQueue<HostEnd> unclosed;
    private volatile @Nullable Thread ending;

    HostEnds(String machine, List<HostEnd> ends, CallbackThreads threads) {
        this.machine = machine;
        this.ends = ends;
        this.threads = threads;
        this.unclosed = new ConcurrentLinkedQueue<>(ends);
    }

    boolean isEmpty() {
        return ends.isEmpty();
    }

    /** Opens each, as far as none fails. */
    void open() {
        ends.forEach(HostEnd::open);
    }

    /**
     * Tells each that there will be no more run, the last one first, and then runs {@code
     * afterwards}. Returns at once.
     */
    void end(Runnable afterwards) {
        Runnable telling = () -> {
            ends.reversed().forEach(this::end);
            afterwards.run();
        };
        if (ends.isEmpty()) {
            telling.run();
            return;
        }
        try {
            ending = threads.start(telling);
        } catch (OutOfMemoryError e) { // also if the host has no thread left
            telling.run();
        }
    }

    private void end(HostEnd end) {
        try {
            end.end();
        } catch (RuntimeException | Error e) {
            report(end, e);
        }
    }

    private void report(HostEnd end, Throwable failure) {
        try {
            log.error(
                    "machine {}: {} failed when the guest ended",
                    machine,
                    end.getClass().getName(),
                    failure);
        } catch (RuntimeException | Error e) {
            // It cannot be told, for lack of memory perhaps; the others are told of the end all the same.
        }
    }

    /** Closes each, once, even if one before it fails. */
    @Override
    public void close() {
        awaitEnded();
        Resources closing = new Resources();
        for (HostEnd end = unclosed.poll(); end != null; end = unclosed.poll()) closing.add(end::close);
        closing.close();
    }

    private void awaitEnded() {
        Thread thread = ending;
        if (thread == null || thread.equals(Thread.currentThread()) || ThreadEnd.await(thread, PATIENCE)) return;
        thread.interrupt();
        if (!ThreadEnd.await(thread, PATIENCE)) {
            log.error("machine {}: a host end blocks when the guest ends; it is closed all the same", machine);
        }
    }
}
