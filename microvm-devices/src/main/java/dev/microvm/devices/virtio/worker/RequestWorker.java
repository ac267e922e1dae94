package dev.microvm.devices.virtio.worker;

import dev.microvm.event.ThreadEnd;
import java.time.Duration;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that serves the requests of a device in the order they came, so that neither a vCPU
 * nor the machine's loop waits for the host. Any thread may call. Requests are kept in lists of
 * their own links: nothing is allocated.
 *
 * @param <R> the type of the requests
 */
public final class RequestWorker<R extends WorkerRequest<R>> {
    /** Serves requests, on the worker's thread. */
    @FunctionalInterface
    public interface Executor<R> {
        /**
         * Does what a request asks for; returns false if it was interrupted and is to be done again
         * from its start.
         */
        boolean execute(R request);
    }

    private static final Logger log = LoggerFactory.getLogger(RequestWorker.class);

    private final Executor<R> executor;
    private final Runnable whenDone;
    private final Runnable whenEnded;
    private final Thread thread;

    // Guarded by this.
    private @Nullable R first; // to be served
    private @Nullable R last;
    private @Nullable R done; // the latest first
    private boolean busy;
    private boolean dropped; // nobody wants the request that is being served
    private boolean held; // begins no request
    private boolean stopping;

    /**
     * Starts the thread.
     *
     * @param whenDone called by the thread when the list of what is done, which {@link #takeDone}
     *     takes, is no longer empty
     * @param whenEnded called by the thread when it ends
     */
    public RequestWorker(Executor<R> executor, ThreadFactory threads, Runnable whenDone, Runnable whenEnded) {
        this.executor = executor;
        this.whenDone = whenDone;
        this.whenEnded = whenEnded;
        thread = threads.newThread(this::run);
        thread.start();
    }

    /** Hands a request over. */
    public synchronized void submit(R request) {
        request.next = null;
        if (last == null) first = request;
        else last.next = request;
        last = request;
        if (!busy) notifyAll();
    }

    /** Takes what is done: a list, in the order in which it was. */
    public synchronized @Nullable R takeDone() {
        R reversed = null;
        for (R each = done; each != null; ) {
            R following = each.next;
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
    public synchronized boolean awaitIdle(long nanos) {
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
    public synchronized void hold() {
        held = true;
    }

    /** Continues with what waits. */
    public synchronized void release() {
        held = false;
        notifyAll();
    }

    /**
     * Drops all requests. One that is being served is dropped when it ends: see {@link #awaitIdle}.
     */
    public synchronized void clear() {
        first = null;
        last = null;
        done = null;
        dropped = busy;
    }

    /** Has the thread end after the request that it serves, if any; the others are dropped. */
    public synchronized void stop() {
        first = null;
        last = null;
        dropped = busy; // there may be no loop any more to complete it
        stopping = true;
        notifyAll();
    }

    /** Waits until the thread has ended; returns false if that takes too long. */
    public boolean awaitEnd(Duration limit) {
        return ThreadEnd.await(thread, limit);
    }

    private void run() {
        try {
            for (R request = next(); request != null; request = next()) {
                boolean finished = executor.execute(request);
                if (settle(request, finished)) whenDone.run();
            }
        } finally {
            whenEnded.run();
        }
    }

    private synchronized @Nullable R next() {
        busy = false;
        dropped = false;
        if (first == null || held) notifyAll();
        while ((first == null || held) && !stopping) {
            try {
                wait();
            } catch (InterruptedException e) {
                log.debug("{} was interrupted, and goes on", thread.getName());
            }
        }
        R request = first;
        if (request == null || stopping) return null;
        first = request.next;
        if (first == null) last = null;
        busy = true;
        return request;
    }

    /**
     * Files a request that was served, or keeps it as the next if it was interrupted. Returns
     * whether something is done and nothing was.
     */
    private synchronized boolean settle(R request, boolean finished) {
        if (dropped) {
            dropped = false;
            return false;
        }
        if (!finished) {
            request.next = first;
            first = request;
            if (last == null) last = request;
            return false;
        }
        boolean none = done == null;
        request.next = done;
        done = request;
        return none;
    }
}
