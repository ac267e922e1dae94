package dev.microvm.devices.virtio.blk;

import static dev.microvm.devices.virtio.blk.BlkProtocol.*;

import dev.microvm.backend.disk.BlockBackend;
import dev.microvm.backend.disk.BlockException;
import dev.microvm.devices.virtio.VirtioConfigSpace;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.error.MicroVmException;
import dev.microvm.limits.RateLimit;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A block device: VIRTIO 1.2, section 5.2. Reads, writes, flushes, discards and zeroes a {@link
 * BlockBackend}, straight from and to the guest's memory.
 *
 * <p>Each queue has a thread that serves its requests, one after the other, while the guest and the
 * machine's loop go on; a flush covers what was completed before it was asked for, in any queue.
 * Without such threads the loop serves the requests itself and waits for the disk, which makes a
 * run repeatable. A reset ends what is being served, and is not complete before.
 *
 * <p>What the disk cannot do, and what lies outside of it, is answered with VIRTIO_BLK_S_IOERR;
 * types that are unknown or were not negotiated, with VIRTIO_BLK_S_UNSUPP. A request without room
 * for header or status breaks the device. Not offered: geometry, secure erase, lifetime, zones.
 */
public final class VirtioBlk implements VirtioDevice {
    /** The device's number: section 5.2.1. */
    public static final int DEVICE_ID = 2;

    /** The most bytes that a serial number has. */
    public static final int MOST_SERIAL = ID_SIZE;

    /** The most queues. */
    public static final int MOST_QUEUES = 16;

    private static final Logger log = LoggerFactory.getLogger(VirtioBlk.class);
    private static final String STATE_TYPE = "virtio-blk";
    private static final String CONTENT = "content";
    private static final int STATE_VERSION = 1;

    private static final int PHYSICAL_BLOCK_BITS = 3; // eight sectors: what disks and file systems have

    private static final long RESET_NANOS = TimeUnit.SECONDS.toNanos(1); // for which a reset keeps its vCPU waiting
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(2); // for all threads to end
    private static final long PAUSE_NANOS = TimeUnit.SECONDS.toNanos(1); // for requests in flight to be completed
    private static final long HOST_NANOS = TimeUnit.SECONDS.toNanos(30); // for the host to answer one of them

    private final String name;
    private volatile BlockBackend backend; // changed on the loop alone
    private final Executor loop;
    private final Runnable configChanged;
    private final BlkThrottle throttle;
    private final BlkExecutor executor;
    private final VirtioConfigSpace config = new VirtioConfigSpace(CONFIG_SIZE);
    private final List<BlkQueue> queues = new ArrayList<>();
    private final AtomicInteger users = new AtomicInteger(1); // of the backend: this device, and its threads
    private final AtomicBoolean closed = new AtomicBoolean();
    private long negotiated;
    private boolean paused;
    private boolean resetting; // a request that the driver has given up is still being served

    /**
     * Makes a device, which closes {@code backend} when it is closed.
     *
     * @param serial what the guest reads as the disk's serial number: at most {@link #MOST_SERIAL}
     *     printable ASCII characters
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
        Objects.requireNonNull(transport, "transport");
        Objects.requireNonNull(backend, "backend");
        Objects.requireNonNull(serial, "serial");
        if (queues < 1 || queues > MOST_QUEUES) {
            throw new IllegalArgumentException("queues: 1 to %d, was %d".formatted(MOST_QUEUES, queues));
        }
        if (!isSerial(serial)) {
            throw new IllegalArgumentException(
                    "serial: at most %d printable ASCII characters, was \"%s\"".formatted(MOST_SERIAL, serial));
        }
        this.backend = backend;
        loop = transport.loop();
        configChanged = transport::configChanged;
        throttle = new BlkThrottle(transport.loop());
        name = serial.isEmpty() ? "virtio-blk" : "virtio-blk " + serial;
        byte[] id = Arrays.copyOf(serial.getBytes(StandardCharsets.US_ASCII), ID_SIZE);
        // A thread may finish what it serves when the machine pauses; the loop may not, because pause waits for it.
        executor = new BlkExecutor(name, backend, id, threads == null ? () -> loopIsWanted(transport) : () -> false);
        fillConfig(queues);
        try {
            for (int i = 0; i < queues; i++) addQueue(transport, threads);
        } catch (RuntimeException | Error e) { // no more threads, say
            this.queues.forEach(BlkQueue::stop);
            throw e;
        }
    }

    /** Returns whether the thread of the loop, which serves a request, is to pause or to end. */
    private static boolean loopIsWanted(VirtioTransport transport) {
        return transport.pausing() || Thread.currentThread().isInterrupted();
    }

    private void addQueue(VirtioTransport transport, @Nullable ThreadFactory threads) {
        if (threads != null) users.incrementAndGet();
        queues.add(new BlkQueue(transport, executor, throttle, threads, this::release));
    }

    /** Whether a text can be a serial number. */
    public static boolean isSerial(String text) {
        Objects.requireNonNull(text, "text");
        return text.length() <= MOST_SERIAL && text.chars().allMatch(character -> character >= ' ' && character <= '~');
    }

    private void fillConfig(int queues) {
        fillSizes();
        config.putInt(SEG_MAX, BlkQueue.SEGMENTS)
                .putInt(BLK_SIZE, BlockBackend.SECTOR_SIZE)
                .putByte(PHYSICAL_BLOCK_EXP, PHYSICAL_BLOCK_BITS)
                .putShort(MIN_IO_SIZE, 1 << PHYSICAL_BLOCK_BITS)
                .putByte(WRITEBACK, 1)
                .putShort(NUM_QUEUES, queues);
        if (backend.readOnly()) return;
        config.putInt(MAX_DISCARD_SECTORS, BlkExecutor.MOST_RANGE_SECTORS)
                .putInt(MAX_DISCARD_SEG, BlkExecutor.MOST_RANGES)
                .putInt(MAX_WRITE_ZEROES_SECTORS, BlkExecutor.MOST_RANGE_SECTORS)
                .putInt(MAX_WRITE_ZEROES_SEG, BlkExecutor.MOST_RANGES)
                .putByte(WRITE_ZEROES_MAY_UNMAP, 1);
    }

    private void fillSizes() {
        config.putLong(CAPACITY, backend.size() / BlockBackend.SECTOR_SIZE);
        if (backend.readOnly()) return;
        config.putInt(DISCARD_SECTOR_ALIGNMENT, Math.max(1, backend.discardUnit() / BlockBackend.SECTOR_SIZE));
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public String name() {
        return name;
    }

    /**
     * Limits the rate of all reads, writes, discards and zeroes together; flushes are not counted.
     * Requests over the limit wait in their queue. Any thread may call, at any time; the limit holds
     * from now on, also for what waits.
     */
    public void rateLimit(RateLimit limit) {
        throttle.limit(limit);
    }

    /**
     * Changes the medium: closes what holds the content, and serves {@code next} instead. Requests
     * that were not completed are served from the new one. The driver is told, and finds the new
     * size. Any thread may call; it happens later, on the loop.
     *
     * @param next can be written if and only if the current one can
     */
    public void replace(BlockBackend next) {
        Objects.requireNonNull(next, "next");
        loop.execute(() -> exchange(next));
    }

    private void exchange(BlockBackend next) {
        boolean idle = !closed.get() && stopThreads(HOST_NANOS);
        BlockBackend unused = idle ? backend : next;
        if (idle) {
            backend = next;
            executor.backend(next);
            fillSizes();
            configChanged.run();
        } else if (!closed.get()) {
            log.error("{}: the host's disk does not answer, so the medium is not changed", name);
        }
        startThreads();
        try {
            unused.close();
        } catch (BlockException e) {
            log.error("{}: the medium before was not closed cleanly: {}", name, e.getMessage());
        }
    }

    /** What holds the disk's content. */
    public BlockBackend backend() {
        return backend;
    }

    @Override
    public long features() {
        long features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY | F_CONFIG_WCE;
        if (queues.size() > 1) features |= F_MQ;
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
        executor.features(features);
        chooseCache();
    }

    /**
     * With a cache if the driver chose one, or, where it cannot, if it knows how to flush it:
     * 5.2.5.2.
     */
    private void chooseCache() {
        boolean writeback =
                (negotiated & F_CONFIG_WCE) != 0 ? config.read(WRITEBACK, 1) != 0 : (negotiated & F_FLUSH) != 0;
        executor.writeThrough(!writeback);
    }

    @Override
    public void queueNotified(int queue) {
        queues.get(queue).serve();
    }

    /**
     * Ends what is being served. If the host does not answer, the driver is not kept waiting: see
     * {@link #resetting}.
     */
    @Override
    public void reset() {
        resetting = !stopThreads(RESET_NANOS);
        queues.forEach(BlkQueue::clear);
        throttle.reset();
        startThreads();
        negotiated = 0;
        config.putByte(WRITEBACK, 1);
    }

    @Override
    public boolean resetting() {
        if (resetting && awaitIdle(0)) {
            resetting = false;
            startThreads();
        }
        return resetting;
    }

    /**
     * Completes what is in flight. What takes longer than a second waits for {@link #resume}, and
     * is done again from its start if it was begun: a driver may ask for hours of work.
     */
    @Override
    public void pause() {
        paused = true;
        awaitIdle(PAUSE_NANOS);
        if (!stopThreads(HOST_NANOS)) {
            throw unanswered("paused");
        }
        queues.forEach(BlkQueue::complete);
    }

    private MicroVmException unanswered(String what) {
        return new MicroVmException("%s: the host's disk does not answer within %d s, so the machine is not %s"
                .formatted(name, TimeUnit.NANOSECONDS.toSeconds(HOST_NANOS), what));
    }

    @Override
    public void resume() {
        paused = false;
        resetting(); // perhaps not any more
        startThreads();
        queues.forEach(queue -> loop.execute(queue::serve)); // what the loop did not begin
    }

    /** Waits until the threads are idle; returns false if that takes too long. */
    private boolean awaitIdle(long nanos) {
        long deadline = System.nanoTime() + nanos;
        boolean idle = true;
        for (BlkQueue queue : queues) idle &= queue.awaitIdle(deadline - System.nanoTime());
        return idle;
    }

    /**
     * Has the threads end what they serve and begin nothing; returns false if that takes too long.
     */
    private boolean stopThreads(long nanos) {
        executor.interrupt(true);
        queues.forEach(BlkQueue::hold);
        return awaitIdle(nanos);
    }

    private void startThreads() {
        if (paused || resetting) return;
        executor.interrupt(false);
        queues.forEach(BlkQueue::release);
    }

    /**
     * Waits for what is being served; then the cache's mode, and, if the disk is kept in memory,
     * what is in it.
     *
     * @throws MicroVmException if the host's disk does not answer
     */
    @Override
    public DeviceState save() {
        if (!awaitIdle(HOST_NANOS)) throw unanswered("saved");
        DeviceState state = new DeviceState(STATE_TYPE, STATE_VERSION).put("writeback", config.read(WRITEBACK, 1));
        if (backend instanceof Stateful content)
            state.put(CONTENT, content.save().encode());
        return state;
    }

    @Override
    public void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        config.putByte(WRITEBACK, state.integer("writeback") & 1);
        chooseCache();
        if (!state.fields().contains(CONTENT)) return; // it was all in the file, which may be below an overlay here
        if (!(backend instanceof Stateful content)) {
            throw new IllegalArgumentException("a disk with an overlay given to one without: " + name);
        }
        content.restore(DeviceState.decode(state.bytes(CONTENT)));
    }

    /**
     * Ends the threads and closes the disk. If the host does not answer one of them, that thread
     * closes the disk when it ends.
     */
    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) return;
        executor.interrupt(true);
        queues.forEach(BlkQueue::stop);
        long deadline = System.nanoTime() + CLOSE_LIMIT.toNanos();
        boolean ended = true;
        for (BlkQueue queue : queues) {
            ended &= queue.awaitEnd(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
        }
        if (!ended) log.error("{}: the host's disk does not answer; it stays open until it does", name);
        release();
    }

    /** Called by each user of the backend when it is done with it. */
    private void release() {
        if (users.decrementAndGet() == 0) backend.close();
    }
}
