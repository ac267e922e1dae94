package dev.microvm.devices.virtio.blk;

import dev.microvm.event.ThreadEnd;
import java.time.Duration;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that serves the requests of one queue, in the order they came, so that neither a vCPU
 * nor the machine's loop waits for a disk. Any thread may call. Requests are kept in lists of their
 * own links: nothing is allocated.
 */
final class BlkWorker {
    private static final Logger log = LoggerFactory.getLogger(BlkWorker.class);

    private static final Duration CLOSE_LIMIT =
            Duration.ofSeconds(5); // what a request may take longer than that, is not waited for

    private final BlkExecutor executor;
    private final Runnable whenDone;
    private final Thread thread;

    // Guarded by this.
    private @Nullable BlkRequest first; // to be served
    private @Nullable BlkRequest last;
    private @Nullable BlkRequest done; // the latest first
    private boolean busy;
    private boolean held; // begins no request
    private boolean stopping;

    /**
     * Starts the thread.
     *
     * @param whenDone called by the thread when something is done and nothing was that is not
     *     {@linkplain #takeDone taken}
     */
    BlkWorker(BlkExecutor executor, ThreadFactory threads, Runnable whenDone) {
        this.executor = executor;
        this.whenDone = whenDone;
        thread = threads.newThread(this::run);
        thread.start();
    }

    /** Hands a request over. */
    synchronized void submit(BlkRequest request) {
        request.next = null;
        if (last == null) first = request;
        else last.next = request;
        last = request;
        if (!busy) notifyAll();
    }

    /** Takes what is done: a list, in the order in which it was. */
    synchronized @Nullable BlkRequest takeDone() {
        BlkRequest reversed = null;
        for (BlkRequest each = done; each != null; ) {
            BlkRequest following = each.next;
            each.next = reversed;
            reversed = each;
            each = following;
        }
        done = null;
        return reversed;
    }

    /**
     * Waits until nothing is being served, and nothing waits that the thread may begin; false if
     * that takes too long.
     */
    synchronized boolean awaitIdle(long nanos) {
        long deadline = System.nanoTime() + nanos;
        boolean interrupted = false;
        while ((busy || (first != null && !held)) && !stopping) {
            long millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (millis <= 0) break;
            try {
                wait(millis);
            } catch (InterruptedException e) { // the guest's memory is in use for as long
                interrupted = true;
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
        return !busy && (first == null || held);
    }

    /** Begins no request from now on, until {@link #release}. */
    synchronized void hold() {
        held = true;
    }

    /** Goes on with what waits. */
    synchronized void release() {
        held = false;
        notifyAll();
    }

    /** Drops what waits and what is done; called while it is held and idle. */
    synchronized void clear() {
        first = null;
        last = null;
        done = null;
    }

    /** Ends the thread, and says whether it has ended: a host's disk may not answer. */
    boolean close() {
        synchronized (this) {
            first = null;
            last = null;
            stopping = true;
            notifyAll();
        }
        boolean ended = ThreadEnd.await(thread, CLOSE_LIMIT);
        if (!ended) log.error("{} does not end: its disk stays open", thread.getName());
        return ended;
    }

    private void run() {
        for (BlkRequest request = next(); request != null; request = next()) {
            if (!executor.execute(request)) putBack(request);
            else if (finish(request)) whenDone.run();
        }
    }

    private synchronized @Nullable BlkRequest next() {
        busy = false;
        if (first == null || held) notifyAll();
        while ((first == null || held) && !stopping) {
            try {
                wait();
            } catch (InterruptedException e) {
                log.debug("{} was interrupted, and goes on", thread.getName());
            }
        }
        BlkRequest request = first;
        if (request == null || stopping) return null;
        first = request.next;
        if (first == null) last = null;
        busy = true;
        return request;
    }

    /** Keeps a request that was interrupted: it is the next. */
    private synchronized void putBack(BlkRequest request) {
        request.next = first;
        first = request;
        if (last == null) last = request;
    }

    private synchronized boolean finish(BlkRequest request) {
        boolean none = done == null;
        request.next = done;
        done = request;
        return none;
    }
}
