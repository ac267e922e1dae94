package dev.microvm.devices.virtio.balloon;

import dev.microvm.clock.Timers.Timer;
import dev.microvm.devices.virtio.ChainHandler;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.GuestBuffer;
import dev.microvm.devices.virtio.VirtioConfigSpace;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioFeatures;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.state.DeviceState;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A memory balloon: VIRTIO 1.2, section 5.5. The host sets a target. The driver takes that much
 * memory from the guest and names its pages, which the device returns to the host. The driver may
 * also report free pages, of itself or asked for, and statistics of the guest's memory.
 *
 * <p>A discarded page is still memory of the guest, so the guest may use it before it tells the
 * device (MUST_TELL_HOST is not offered). A hostile driver harms only its own guest: pages outside
 * RAM are ignored, pages named twice are discarded twice, and discarding a page of code has the
 * effect of a device that writes zeros there.
 *
 * <p>Any thread may call {@link #targetMiB(int)}, {@link #targetMiB()}, {@link #actualMiB}, {@link
 * #statistics}, {@link #statisticsInterval}, {@link #startHinting}, {@link #releaseHinted}, {@link
 * #hints} and {@link #hintingAccepted}.
 */
public final class VirtioBalloon implements VirtioDevice {
    /** Device ID: section 5.5.1. */
    public static final int DEVICE_ID = 5;

    // Feature bits: section 5.5.3
    private static final long F_STATS_VQ = 1 << 1;
    private static final long F_DEFLATE_ON_OOM = 1 << 2;
    private static final long F_FREE_PAGE_HINT = 1 << 3;
    private static final long F_PAGE_POISON = 1 << 4;
    private static final long F_PAGE_REPORTING = 1 << 5;

    // Queues: section 5.5.2. The reporting queue's number is 4, but Linux (vm_find_vqs in drivers/virtio/virtio_mmio.c,
    // 6.1) and QEMU leave no gap for that of free page hinting where it is not accepted. So number 3 reports too,
    // unless
    // it hints.
    private static final int INFLATE = 0;
    private static final int DEFLATE = 1;
    private static final int STATISTICS = 2;
    private static final int HINTING_OR_REPORTING = 3;
    private static final int REPORTING = 4;
    private static final int QUEUE_SIZE = 128; // Linux reports nothing where fewer than 32 buffers have room

    // Configuration space: section 5.5.4
    private static final int CONFIG_TARGET = 0; // num_pages, le32
    private static final int CONFIG_ACTUAL = 4; // le32, the driver's to write
    private static final int CONFIG_HINTING = 8; // free_page_hint_cmd_id, le32
    private static final int CONFIG_POISON = 12; // poison_val, le32, the driver's to write
    private static final int CONFIG_SIZE = 16;

    // Pages of the balloon are of 4 KiB whatever the guest's are: section 5.5.6
    private static final int PAGE_SHIFT = 12;
    private static final int PAGES_PER_MIB = 1 << 20 >> PAGE_SHIFT;
    private static final int NUMBER_SIZE = Integer.BYTES; // of a page, le32

    // What one turn of the loop does at most: some milliseconds.
    private static final long INFLATED_A_TURN = 4096 * NUMBER_SIZE; // bytes of page numbers
    private static final long REPORTED_A_TURN = 256 << 20; // bytes of memory

    private static final String STATE_TYPE = "virtio-balloon";
    private static final int STATE_VERSION = 2; // 2: with the number of the latest request for free memory

    private final VirtioTransport transport;
    private final VirtioBalloonOptions options;
    private final InstantSource clock;
    private final Runnable changed;
    private final PageRun run;
    private final SteppedQueue inflate;
    private final Virtqueue deflate;
    private final Virtqueue statisticsQueue;
    private final @Nullable SteppedQueue thirdQueue; // for hints, or for reports of a driver that leaves no gap
    private final @Nullable SteppedQueue reporting;
    private final HintingRequests requests = new HintingRequests();
    private final ChainHandler acknowledge = this::acknowledge;
    private final ChainHandler keepStatistics = this::keepStatistics;
    private final GuestBuffer.PieceAction<RuntimeException> discardPiece;
    private final Timer asking;
    private final VirtioConfigSpace config = new VirtioConfigSpace(CONFIG_SIZE);

    private Duration statisticsInterval;
    private volatile boolean hinting; // the driver names free memory if it is asked
    private boolean poison; // the driver says what its free pages are full of: section 5.5.6.6
    private boolean nextIsUninitialized; // of a legacy driver, the first statistics: section 5.5.6.3
    private @Nullable DescriptorChain kept; // the driver's buffer of statistics: completing it asks for new ones
    private volatile int target; // pages
    private volatile int actual; // pages, unsigned
    private volatile @Nullable BalloonStatistics statistics;

    /**
     * Makes a device.
     *
     * @param options options without {@linkplain VirtioBalloonOptions#problems problems}
     * @param discard returns pages to the host
     * @param clock clock for the time of statistics
     * @param changed runs on the loop whenever the guest has written the size of its balloon
     */
    public VirtioBalloon(
            VirtioTransport transport,
            VirtioBalloonOptions options,
            MemoryDiscard discard,
            InstantSource clock,
            Runnable changed) {
        Objects.requireNonNull(discard, "discard");
        this.transport = Objects.requireNonNull(transport, "transport");
        this.options = Objects.requireNonNull(options, "options");
        this.clock = Objects.requireNonNull(clock, "clock");
        this.changed = Objects.requireNonNull(changed, "changed");
        run = new PageRun(transport.memory(), discard);
        discardPiece = discard::discard;
        inflate = new SteppedQueue(
                transport.addQueue(QUEUE_SIZE),
                transport.loop(),
                DescriptorChain::readable,
                INFLATED_A_TURN,
                this::inflate);
        deflate = transport.addQueue(QUEUE_SIZE);
        statisticsQueue = transport.addQueue(QUEUE_SIZE);
        boolean third = options.freePageReporting() || options.freePageHinting();
        thirdQueue = third ? freePages(this::namedByThird, this::takeFromThird) : null;
        reporting = options.freePageReporting() ? freePages(DescriptorChain::writable, this::report) : null;
        statisticsInterval = options.statisticsInterval();
        asking = transport.loop().timer(this::askForStatistics);
        setTarget(options.targetMiB() * PAGES_PER_MIB);
    }

    private SteppedQueue freePages(Function<DescriptorChain, GuestBuffer> part, SteppedQueue.Step step) {
        return new SteppedQueue(transport.addQueue(QUEUE_SIZE), transport.loop(), part, REPORTED_A_TURN, step);
    }

    // ---- what the host does

    /**
     * Sets the memory that the guest should give up. The guest gives up as much as it can, as fast
     * as it can.
     *
     * @param mib size in MiB, 0 to the memory of the guest
     */
    public void targetMiB(int mib) {
        transport.loop().execute(() -> {
            setTarget(mib * PAGES_PER_MIB);
            transport.configChanged();
        });
    }

    private void setTarget(int pages) {
        target = pages;
        config.putInt(CONFIG_TARGET, pages);
    }

    /** Returns the memory that the guest should give up, in MiB. */
    public int targetMiB() {
        return target / PAGES_PER_MIB;
    }

    /**
     * Returns the memory that the guest reports to have given up, in MiB; 0 before its driver
     * starts.
     */
    public int actualMiB() {
        return Integer.divideUnsigned(actual, PAGES_PER_MIB);
    }

    /** Sets the time between requests for statistics, 0 for no further ones; asks for new ones at once. */
    public void statisticsInterval(Duration interval) {
        Objects.requireNonNull(interval, "interval");
        transport.loop().execute(() -> {
            statisticsInterval = interval;
            asking.cancel();
            askForStatistics();
        });
    }

    /** Whether the driver has accepted to name its free memory when it is asked. */
    public boolean hintingAccepted() {
        return hinting;
    }

    /**
     * Asks the driver for its free memory, which goes to the host.
     *
     * @param release whether the guest may use it as soon as it has named all of it; else {@link
     *     #releaseHinted} says when
     */
    public void startHinting(boolean release) {
        transport.loop().execute(() -> tellHinting(requests.begin(release)));
    }

    /** Lets the guest use the memory that it has named. */
    public void releaseHinted() {
        transport.loop().execute(this::release);
    }

    private void release() {
        requests.release();
        tellHinting(FreePageHints.RELEASED);
    }

    private void tellHinting(int number) {
        config.putInt(CONFIG_HINTING, number);
        transport.configChanged();
    }

    /** Returns how far the driver is with naming its free memory. */
    public FreePageHints hints() {
        return requests.status();
    }

    /**
     * Returns the latest statistics of the guest; empty if it has sent none since the last reset.
     */
    public Optional<BalloonStatistics> statistics() {
        return Optional.ofNullable(statistics);
    }

    // ---- what the transport asks

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public String name() {
        return "virtio-balloon";
    }

    @Override
    public long features() {
        return F_STATS_VQ
                | (options.deflateOnOom() ? F_DEFLATE_ON_OOM : 0)
                | (options.freePageHinting() ? F_FREE_PAGE_HINT : 0)
                | (options.freePageReporting() ? F_PAGE_REPORTING : 0)
                | (thirdQueue != null ? F_PAGE_POISON : 0);
    }

    @Override
    public VirtioConfigSpace config() {
        return config;
    }

    @Override
    public void writeConfig(int offset, int size, long value) {
        for (int i = 0; i < size; i++) {
            int at = offset + i;
            boolean writable = (at >= CONFIG_ACTUAL && at < CONFIG_ACTUAL + Integer.BYTES) || at >= CONFIG_POISON;
            if (writable) config.putByte(at, (int) (value >>> (Byte.SIZE * i)));
        }
        // A legacy driver writes byte by byte, the highest last: section 5.5.6.2.1.
        int last = CONFIG_ACTUAL + Integer.BYTES - 1;
        if (offset > last || offset + size <= last) return;
        actual = (int) config.read(CONFIG_ACTUAL, Integer.BYTES);
        changed.run();
    }

    @Override
    public void activate(long features) {
        poison = (features & F_PAGE_POISON) != 0;
        hinting = (features & F_FREE_PAGE_HINT) != 0;
        nextIsUninitialized = (features & VirtioFeatures.VERSION_1) == 0;
        if ((features & F_STATS_VQ) != 0) armAsking();
    }

    @Override
    public void queueNotified(int queue) {
        switch (queue) {
            case INFLATE -> inflate.notified();
            case DEFLATE -> deflate.drain(acknowledge);
            case STATISTICS -> statisticsQueue.drain(keepStatistics);
            case HINTING_OR_REPORTING -> Objects.requireNonNull(thirdQueue).notified();
            case REPORTING -> Objects.requireNonNull(reporting).notified();
            default -> throw new IllegalArgumentException("queue " + queue);
        }
    }

    // ---- pages: sections 5.5.6 and 5.5.6.7

    private void inflate(GuestBuffer numbers, long at, long size) {
        for (long i = at; i + NUMBER_SIZE <= at + size; i += NUMBER_SIZE) {
            run.add(Integer.toUnsignedLong(numbers.getInt(i)) << PAGE_SHIFT);
        }
        run.flush();
    }

    /**
     * Acknowledges pages that the guest takes back. They need no action: the host provides them
     * again when they are used.
     */
    private boolean acknowledge(DescriptorChain chain) {
        deflate.complete(chain, 0);
        return true;
    }

    /** Returns the memory that a chain of queue 3 names: none if it is a number instead, of a driver that hints. */
    private GuestBuffer namedByThird(DescriptorChain chain) {
        if (!hinting) return chain.writable();
        GuestBuffer named = requests.read(chain);
        if (requests.toBeReleased()) release();
        return named;
    }

    private void takeFromThird(GuestBuffer pages, long at, long size) {
        if (!hinting || requests.wanted()) report(pages, at, size);
    }

    private void report(GuestBuffer pages, long at, long size) {
        boolean mayBeZero = !poison || config.read(CONFIG_POISON, Integer.BYTES) == 0; // 5.5.6.7.2
        if (mayBeZero) pages.forEach(at, size, discardPiece);
    }

    // ---- statistics: section 5.5.6.3

    private boolean keepStatistics(DescriptorChain chain) {
        if (kept != null) return false; // at most one at a time: 5.5.6.3.1
        kept = chain;
        if (!nextIsUninitialized) statistics = BalloonStatistics.read(chain.readable(), clock.instant());
        nextIsUninitialized = false;
        return true;
    }

    private void armAsking() {
        long interval = statisticsInterval.toNanos();
        if (interval > 0) asking.armAt(transport.loop().nanoTime() + interval);
    }

    private void askForStatistics() {
        if (!statisticsQueue.running()) return;
        armAsking();
        DescriptorChain asked = kept;
        if (asked == null) return; // the driver is at it
        kept = null;
        statisticsQueue.complete(asked, 0);
        statisticsQueue.drain(keepStatistics); // notifies, and takes what a driver that breaks the rule put there
    }

    // ---- reset and state

    @Override
    public void reset() {
        asking.cancel();
        inflate.reset();
        if (thirdQueue != null) thirdQueue.reset();
        if (reporting != null) reporting.reset();
        requests.reset();
        hinting = false;
        kept = null;
        poison = false;
        statistics = null;
        actual = 0;
        config.putInt(CONFIG_ACTUAL, 0)
                .putInt(CONFIG_HINTING, FreePageHints.NONE)
                .putInt(CONFIG_POISON, 0);
    }

    @Override
    public DeviceState save() {
        return new DeviceState(STATE_TYPE, STATE_VERSION)
                .put("target", target)
                .put("actual", config.read(CONFIG_ACTUAL, Integer.BYTES))
                .put("poison", config.read(CONFIG_POISON, Integer.BYTES))
                .put("nextIsUninitialized", nextIsUninitialized)
                .put("lastRequest", requests.lastNumber());
    }

    @Override
    public void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        setTarget(state.integer("target"));
        config.putInt(CONFIG_ACTUAL, (int) state.number("actual"));
        config.putInt(CONFIG_POISON, (int) state.number("poison"));
        actual = (int) config.read(CONFIG_ACTUAL, Integer.BYTES);
        nextIsUninitialized = state.flag("nextIsUninitialized");
        if (state.version() >= 2) requests.restore(state.integer("lastRequest"));
        if (options.freePageHinting()) release(); // a request does not continue in another machine
    }
}
