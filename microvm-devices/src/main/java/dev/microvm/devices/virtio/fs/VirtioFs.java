package dev.microvm.devices.virtio.fs;

import dev.microvm.backend.fs.host.HostTree;
import dev.microvm.devices.virtio.ChainHandler;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.VirtioConfigSpace;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.devices.virtio.worker.RequestWorker;
import dev.microvm.error.MicroVmException;
import dev.microvm.event.Signal;
import dev.microvm.state.DeviceState;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A file system device: VIRTIO 1.2, section 5.11. A guest mounts a directory of the host by the
 * device's tag.
 *
 * <p>The way of a request: the loop takes it out of its queue ({@link FuseRequest#begin}), the
 * device's thread does it ({@link FuseSession}, then the host's tree), the loop completes all that
 * are done and interrupts once. Requests of both queues are served in the order they came. The
 * queue for urgent requests has the ones that the guest does not wait for.
 *
 * <p>A reset ends what is being served, and is not complete before. Not offered: DAX,
 * notifications, extended attributes, locks on the host.
 */
public final class VirtioFs implements VirtioDevice {
    /** The device's number: section 5.11.1. */
    public static final int DEVICE_ID = 26;

    /** The most bytes of a tag: section 5.11.4. */
    public static final int MOST_TAG = 36;

    private static final Logger log = LoggerFactory.getLogger(VirtioFs.class);
    private static final String STATE_TYPE = "virtio-fs";
    private static final int STATE_VERSION = 1;

    private static final int NUM_REQUEST_QUEUES = MOST_TAG; // offset in the configuration space
    private static final int CONFIG_SIZE = NUM_REQUEST_QUEUES + Integer.BYTES;
    private static final int URGENT_SIZE = 128;
    private static final int REQUESTS_SIZE = 1024; // Linux leaves out pages that do not fit a queue of less

    private static final long RESET_NANOS = TimeUnit.SECONDS.toNanos(1); // for which a reset keeps its vCPU waiting
    private static final long HOST_NANOS = TimeUnit.SECONDS.toNanos(30); // for the host to answer a request
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(2); // for the thread to end

    private final String name;
    private final HostTree tree;
    private final FuseSession session;
    private final VirtioConfigSpace config = new VirtioConfigSpace(CONFIG_SIZE);
    private final Queue[] queues;
    private final @Nullable RequestWorker<FuseRequest> worker;
    private final AtomicInteger users; // of the tree: this device, and its thread
    private final AtomicBoolean closed = new AtomicBoolean();
    private boolean paused;
    private boolean resetting; // a request that the driver has given up is still being served

    /**
     * Makes a device, which closes {@code tree} when it is closed.
     *
     * @param tag as {@link VirtioFsOptions} has it
     * @param threads makes the thread that serves requests; null if the loop is to do it
     */
    VirtioFs(VirtioTransport transport, String tag, HostTree tree, @Nullable ThreadFactory threads) {
        Objects.requireNonNull(transport, "transport");
        this.tree = tree;
        name = "virtio-fs " + tag;
        session = new FuseSession(name, tree);
        byte[] text = tag.getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < text.length; i++) config.putByte(i, text[i]);
        config.putInt(NUM_REQUEST_QUEUES, 1);
        queues = new Queue[] {new Queue(transport.addQueue(URGENT_SIZE)), new Queue(transport.addQueue(REQUESTS_SIZE))};
        users = new AtomicInteger(threads == null ? 1 : 2);
        if (threads == null) {
            worker = null;
        } else {
            Signal done = transport.loop().signal(this::complete);
            worker = new RequestWorker<>(this::execute, threads, done::raise, this::release);
        }
    }

    private boolean execute(FuseRequest request) {
        session.execute(request);
        return true;
    }

    /** One of the queues, and requests of it that can be used again. */
    private final class Queue {
        final Virtqueue ring;
        final ChainHandler take = this::take; // made once: a request allocates nothing
        private @Nullable FuseRequest free;

        Queue(Virtqueue ring) {
            this.ring = ring;
        }

        private boolean take(DescriptorChain chain) {
            FuseRequest request = free == null ? new FuseRequest(ring) : free;
            free = request.next;
            request.next = null;
            request.begin(chain);
            if (worker != null) {
                worker.submit(request);
                return true;
            }
            session.execute(request);
            complete(request);
            ring.publish();
            return true;
        }

        void complete(FuseRequest request) {
            request.stage();
            request.next = free;
            free = request;
        }
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public VirtioConfigSpace config() {
        return config;
    }

    @Override
    public void queueNotified(int queue) {
        Queue notified = queues[queue];
        if (notified.ring.running()) notified.ring.drain(notified.take);
    }

    /** Completes what the thread has done. */
    private void complete() {
        if (worker == null) return;
        for (FuseRequest request = worker.takeDone(); request != null; ) {
            FuseRequest following = request.next;
            queues[request.queue().number()].complete(request);
            request = following;
        }
        for (Queue queue : queues) {
            queue.ring.publish();
            queue.ring.notifyDriver();
        }
    }

    // ---- standing still

    private boolean awaitIdle(long nanos) {
        return worker == null || worker.awaitIdle(nanos);
    }

    /** Has the thread end what it serves and begin nothing; returns false if that takes too long. */
    private boolean stopThread(long nanos) {
        if (worker == null) return true;
        worker.hold();
        return worker.awaitIdle(nanos);
    }

    private void startThread() {
        if (worker != null && !paused && !resetting) worker.release();
    }

    /**
     * Ends what is being served. If the host does not answer, the driver is not kept waiting: see
     * {@link #resetting}.
     */
    @Override
    public void reset() {
        resetting = !stopThread(RESET_NANOS);
        if (worker != null) worker.clear();
        if (!resetting) session.clear();
        startThread();
    }

    @Override
    public boolean resetting() {
        if (resetting && awaitIdle(0)) {
            resetting = false;
            session.clear();
            startThread();
        }
        return resetting;
    }

    @Override
    public void pause() {
        paused = true;
        if (!stopThread(HOST_NANOS)) throw unanswered("paused");
        complete();
    }

    @Override
    public void resume() {
        paused = false;
        resetting(); // perhaps not any more
        startThread();
    }

    private MicroVmException unanswered(String what) {
        return new MicroVmException("%s: the host does not answer within %d s, so the machine is not %s"
                .formatted(name, TimeUnit.NANOSECONDS.toSeconds(HOST_NANOS), what));
    }

    /**
     * Saves a device that no guest uses.
     *
     * @throws MicroVmException if the guest has it mounted
     */
    @Override
    public DeviceState save() {
        if (!stopThread(HOST_NANOS)) throw unanswered("saved");
        startThread();
        if (session.mounted()) {
            throw new MicroVmException(
                    ("%s: the guest has it mounted, so the machine can be neither saved nor forked: umount it in the"
                                    + " guest before, and mount it again after")
                            .formatted(name));
        }
        return new DeviceState(STATE_TYPE, STATE_VERSION);
    }

    @Override
    public void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
    }

    /**
     * Ends the thread and closes the directory. If the host does not answer, the thread closes it
     * when it ends.
     */
    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) return;
        if (worker != null) {
            worker.stop();
            if (!worker.awaitEnd(CLOSE_LIMIT)) {
                log.error("{}: the host does not answer; the directory stays open until it does", name);
            }
        }
        release();
    }

    /** Called by each user of the tree when it is done with it. */
    private void release() {
        if (users.decrementAndGet() == 0) tree.close();
    }
}
