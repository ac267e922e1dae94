package dev.microvm.devices.virtio.blk;

import static dev.microvm.devices.virtio.blk.BlkProtocol.*;

import dev.microvm.backend.disk.BlockBackend;
import dev.microvm.devices.virtio.ChainHandler;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.VirtioConfigSpace;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.error.MicroVmException;
import dev.microvm.event.Signal;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A block device: VIRTIO 1.2, section 5.2. Reads, writes, flushes, discards and zeroes a {@link BlockBackend}, straight from
 * and to the guest's memory.
 *
 * <p>Each queue has a thread that serves its requests, one after the other, while the guest and the machine's loop go on; a
 * flush covers what was completed before it was asked for, in any queue. Without such threads the loop serves the requests
 * itself and waits for the disk, which makes a run repeatable. A reset waits for what is being served.
 *
 * <p>What the disk cannot do, and what lies outside of it, is answered with VIRTIO_BLK_S_IOERR; types that are unknown or were
 * not negotiated, with VIRTIO_BLK_S_UNSUPP. A request without room for header or status breaks the device. Not offered:
 * geometry, secure erase, lifetime, zones.
 */
public final class VirtioBlk implements VirtioDevice {
    /** The device's number: section 5.2.1. */
    public static final int DEVICE_ID = 2;

    /** The most bytes that a serial number has. */
    public static final int MOST_SERIAL = ID_SIZE;

    /** The most queues. */
    public static final int MOST_QUEUES = 16;

    private static final String STATE_TYPE = "virtio-blk";
    private static final int STATE_VERSION = 1;

    private static final int QUEUE_SIZE = 256;
    private static final int SEGMENTS = QUEUE_SIZE - 2; // a request also has header and status
    private static final int PHYSICAL_BLOCK_BITS = 3; // eight sectors: what disks and file systems have

    private static final long PAUSE_NANOS = TimeUnit.SECONDS.toNanos(1); // for requests in flight to be completed
    private static final long HOST_NANOS = TimeUnit.SECONDS.toNanos(30); // for the host to answer one of them

    private final String name;
    private final BlockBackend backend;
    private final Executor loop;
    private final BlkServer server;
    private final VirtioConfigSpace config = new VirtioConfigSpace(CONFIG_SIZE);
    private final List<Lane> lanes = new ArrayList<>();
    private long negotiated;
    private boolean paused;

    /**
     * Makes a device, which closes {@code backend} when it is closed.
     *
     * @param serial what the guest reads as the disk's serial number: at most {@link #MOST_SERIAL} printable ASCII characters
     * @param queues 1 to {@link #MOST_QUEUES}
     * @param threads makes the threads that serve the queues; null if the loop is to do it
     * @throws IllegalArgumentException if an argument is out of its range
     */
    public VirtioBlk(
            VirtioTransport transport,
            BlockBackend backend,
            String serial,
            int queues,
            @Nullable ThreadFactory threads) {
        if (queues < 1 || queues > MOST_QUEUES) {
            throw new IllegalArgumentException("queues: 1 to %d, was %d".formatted(MOST_QUEUES, queues));
        }
        if (!isSerial(serial)) {
            throw new IllegalArgumentException(
                    "serial: at most %d printable ASCII characters, was \"%s\"".formatted(MOST_SERIAL, serial));
        }
        this.backend = backend;
        loop = transport.loop();
        name = serial.isEmpty() ? "virtio-blk" : "virtio-blk " + serial;
        byte[] id = Arrays.copyOf(serial.getBytes(StandardCharsets.US_ASCII), ID_SIZE);
        // A thread may finish what it serves when the machine pauses; the loop may not, because pause waits for it.
        server = new BlkServer(name, backend, id, threads == null ? transport::pausing : () -> false);
        fillConfig(queues);
        for (int i = 0; i < queues; i++) {
            lanes.add(new Lane(transport, threads));
        }
    }

    /** Whether a text can be a serial number. */
    public static boolean isSerial(String text) {
        return text.length() <= MOST_SERIAL && text.chars().allMatch(character -> character >= ' ' && character <= '~');
    }

    private void fillConfig(int queues) {
        config.putLong(CAPACITY, backend.size() / BlockBackend.SECTOR_SIZE)
                .putInt(SEG_MAX, SEGMENTS)
                .putInt(BLK_SIZE, BlockBackend.SECTOR_SIZE)
                .putByte(PHYSICAL_BLOCK_EXP, PHYSICAL_BLOCK_BITS)
                .putShort(MIN_IO_SIZE, 1 << PHYSICAL_BLOCK_BITS)
                .putByte(WRITEBACK, 1)
                .putShort(NUM_QUEUES, queues);
        if (backend.readOnly()) return;
        config.putInt(MAX_DISCARD_SECTORS, BlkServer.MOST_RANGE_SECTORS)
                .putInt(MAX_DISCARD_SEG, BlkServer.MOST_RANGES)
                .putInt(DISCARD_SECTOR_ALIGNMENT, Math.max(1, backend.discardUnit() / BlockBackend.SECTOR_SIZE))
                .putInt(MAX_WRITE_ZEROES_SECTORS, BlkServer.MOST_RANGE_SECTORS)
                .putInt(MAX_WRITE_ZEROES_SEG, BlkServer.MOST_RANGES)
                .putByte(WRITE_ZEROES_MAY_UNMAP, 1);
    }

    /** One queue, and who serves it. */
    private final class Lane {
        private final Virtqueue queue;
        private final ChainHandler take = this::take; // made once: a request allocates nothing
        private final @Nullable BlkWorker worker;
        private @Nullable BlkRequest free;

        Lane(VirtioTransport transport, @Nullable ThreadFactory threads) {
            queue = transport.addQueue(QUEUE_SIZE);
            if (threads == null) {
                worker = null;
            } else {
                Signal done = transport.loop().signal(this::complete);
                worker = new BlkWorker(server, threads, done::raise);
            }
        }

        private boolean take(DescriptorChain chain) {
            if (worker == null && server.interrupted()) return false;
            BlkRequest request = free == null ? new BlkRequest(queue) : free;
            request.begin(chain);
            if (free != null) free = request.next;
            if (worker != null) {
                worker.submit(request);
                return true;
            }
            boolean done = server.serve(request);
            if (done) {
                request.stage();
                queue.publish();
            }
            recycle(request);
            return done;
        }

        private void complete() {
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
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public String name() {
        return name;
    }

    /** What holds the disk's content. */
    public BlockBackend backend() {
        return backend;
    }

    @Override
    public long features() {
        long features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY | F_CONFIG_WCE;
        if (lanes.size() > 1) features |= F_MQ;
        return features | (backend.readOnly() ? F_RO : F_DISCARD | F_WRITE_ZEROES);
    }

    @Override
    public VirtioConfigSpace config() {
        return config;
    }

    /** Takes the one field that the driver may write, if it negotiated that: 5.2.5.1. */
    @Override
    public void writeConfig(int offset, int size, long value) {
        if (offset != WRITEBACK || size != 1 || (negotiated & F_CONFIG_WCE) == 0) return;
        config.putByte(WRITEBACK, (int) value & 1);
        chooseCache();
    }

    @Override
    public void activate(long features) {
        negotiated = features;
        server.features(features);
        chooseCache();
    }

    /** With a cache if the driver chose one, or, where it cannot, if it knows how to flush it: 5.2.5.2. */
    private void chooseCache() {
        boolean writeback =
                (negotiated & F_CONFIG_WCE) != 0 ? config.read(WRITEBACK, 1) != 0 : (negotiated & F_FLUSH) != 0;
        server.writeThrough(!writeback);
    }

    @Override
    public void queueNotified(int queue) {
        Lane lane = lanes.get(queue);
        lane.queue.drain(lane.take);
    }

    @Override
    public void reset() {
        stopWorkers(Long.MAX_VALUE);
        workers().forEach(BlkWorker::clear);
        if (!paused) startWorkers();
        negotiated = 0;
        config.putByte(WRITEBACK, 1);
    }

    /**
     * Completes what is in flight. What takes longer than a second waits for {@link #resume}, and is done again from its start
     * if it was begun: a driver may ask for hours of work.
     */
    @Override
    public void pause() {
        paused = true;
        long deadline = System.nanoTime() + PAUSE_NANOS;
        workers().forEach(worker -> worker.awaitIdle(deadline - System.nanoTime()));
        if (!stopWorkers(HOST_NANOS)) {
            throw new MicroVmException("%s: the host's disk does not answer within %d s, so the machine is not paused"
                    .formatted(name, TimeUnit.NANOSECONDS.toSeconds(HOST_NANOS)));
        }
        lanes.forEach(Lane::complete);
    }

    @Override
    public void resume() {
        paused = false;
        startWorkers();
        lanes.forEach(lane -> loop.execute(() -> lane.queue.drain(lane.take))); // what the loop did not begin
    }

    private Stream<BlkWorker> workers() {
        return lanes.stream().map(lane -> lane.worker).filter(Objects::nonNull);
    }

    /** Has the threads end what they serve and begin nothing; returns false if that takes too long. */
    private boolean stopWorkers(long nanos) {
        server.interrupt(true);
        workers().forEach(BlkWorker::hold);
        long deadline = System.nanoTime() + nanos;
        return workers().allMatch(worker -> worker.awaitIdle(deadline - System.nanoTime()));
    }

    private void startWorkers() {
        server.interrupt(false);
        workers().forEach(BlkWorker::release);
    }

    /** Waits for what is being served; then the cache's mode, and, if the disk is kept in memory, what is in it. */
    @Override
    public DeviceState save() {
        workers().forEach(worker -> worker.awaitIdle(Long.MAX_VALUE));
        DeviceState state = new DeviceState(STATE_TYPE, STATE_VERSION).put("writeback", config.read(WRITEBACK, 1));
        if (backend instanceof Stateful content)
            state.put("content", content.save().encode());
        return state;
    }

    @Override
    public void restore(DeviceState state) {
        state.require(STATE_TYPE, STATE_VERSION);
        config.putByte(WRITEBACK, state.integer("writeback") & 1);
        chooseCache();
        if (backend instanceof Stateful content) content.restore(DeviceState.decode(state.bytes("content")));
    }

    @Override
    public void close() {
        server.interrupt(true);
        boolean ended = true;
        for (Lane lane : lanes) {
            if (lane.worker != null) ended &= lane.worker.close();
        }
        if (ended) backend.close();
    }
}
