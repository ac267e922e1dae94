package dev.microvm.devices.virtio.blk;

import dev.microvm.devices.virtio.ChainHandler;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.devices.virtio.worker.RequestWorker;
import dev.microvm.event.Signal;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/**
 * One queue of a disk, and the thread that serves it. The way of a request through both:
 *
 * <ol>
 * <li>pop: the loop takes a chain out of the available ring ({@link #serve})
 * <li>parse: {@link BlkRequest#begin} reads type and sector, once
 * <li>limit: over the disk's rate it stays in the ring, see {@link BlkThrottle}
 * <li>do: the thread of {@link RequestWorker} has {@link BlkExecutor} move the bytes between disk and
 *     guest memory
 * <li>complete: the loop writes status and used ring for all requests that are done ({@link
 *     #complete})
 * <li>interrupt: once for all of them, if the driver wants one
 * </ol>
 *
 * <p>Without a thread the loop does it all, request by request. Requests are objects that are used
 * again: nothing is allocated. Called like the device, one thing at a time.
 */
final class BlkQueue {
    private static final int SIZE = 256;

    /** Descriptors of data in a request, which also has header and status. */
    static final int SEGMENTS = SIZE - 2;

    private final Virtqueue queue;
    private final BlkExecutor executor;
    private final ChainHandler take = this::take; // made once: a request allocates nothing
    private final BlkThrottle throttle;
    private final Executor loop;
    private final Runnable retry = this::retry;
    private final @Nullable RequestWorker<BlkRequest> worker;
    private @Nullable BlkRequest free;

    /**
     * Adds the queue to its device.
     *
     * @param throttle of the disk; a request over the limit waits in the queue
     * @param threads makes the thread; null if the loop is to serve the queue
     * @param whenEnded called by the thread when it ends
     */
    BlkQueue(
            VirtioTransport transport,
            BlkExecutor executor,
            BlkThrottle throttle,
            @Nullable ThreadFactory threads,
            Runnable whenEnded) {
        queue = transport.addQueue(SIZE);
        this.executor = executor;
        this.throttle = throttle;
        loop = transport.loop();
        throttle.add(this);
        if (threads == null) {
            worker = null;
        } else {
            Signal done = transport.loop().signal(this::complete);
            worker = new RequestWorker<>(executor::execute, threads, done::raise, whenEnded);
        }
    }

    /** Serves what is available, as fast as the limit allows. */
    void serve() {
        if (queue.running()) queue.drain(take);
    }

    private void retry() {
        Thread.interrupted(); // else it would end the request again
        serve();
    }

    private boolean take(DescriptorChain chain) {
        if (worker == null && executor.interrupted()) return tryLater();
        if (free == null) recycle(new BlkRequest(queue));
        BlkRequest request = Objects.requireNonNull(free);
        request.begin(chain);
        if (!throttle.admits(request)) return false;
        free = request.next;
        if (worker != null) {
            worker.submit(request);
            return true;
        }
        boolean done = executor.execute(request);
        if (done) {
            request.stage();
            queue.publish();
        }
        recycle(request);
        return done || tryLater();
    }

    /**
     * Leaves a request in the ring: the device is pausing, or the loop's thread was interrupted. A
     * machine that ends does not come to the retry; after any other interrupt it serves the queue.
     */
    private boolean tryLater() {
        if (Thread.currentThread().isInterrupted()) loop.execute(retry);
        return false;
    }

    /** Completes what the thread has done. */
    void complete() {
        if (worker == null) return;
        for (BlkRequest request = worker.takeDone(); request != null; ) {
            BlkRequest following = request.next;
            request.stage();
            recycle(request);
            request = following;
        }
        queue.publish();
        queue.notifyDriver();
    }

    private void recycle(BlkRequest request) {
        request.next = free;
        free = request;
    }

    // ---- the thread, if there is one

    /**
     * Waits until nothing is being served, and nothing waits that the thread may begin; false if
     * that takes too long.
     */
    boolean awaitIdle(long nanos) {
        return worker == null || worker.awaitIdle(nanos);
    }

    /** Has the thread begin no request until {@link #release}. */
    void hold() {
        if (worker != null) worker.hold();
    }

    /** Lets the thread go on. */
    void release() {
        if (worker != null) worker.release();
    }

    /** Forgets all requests; called while the thread is held. */
    void clear() {
        if (worker != null) worker.clear();
    }

    /** Has the thread end. */
    void stop() {
        if (worker != null) worker.stop();
    }

    /** Waits until the thread has ended; returns false if that takes too long. */
    boolean awaitEnd(Duration limit) {
        return worker == null || worker.awaitEnd(limit);
    }
}
