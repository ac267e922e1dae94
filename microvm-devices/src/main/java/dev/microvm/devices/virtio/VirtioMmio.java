package dev.microvm.devices.virtio;

import static dev.microvm.devices.virtio.VirtioMmioRegisters.*;
import static dev.microvm.devices.virtio.VirtioStatus.*;

import dev.microvm.bus.BusDevice;
import dev.microvm.error.GuestNoise;
import dev.microvm.event.EventLoop;
import dev.microvm.event.Signal;
import dev.microvm.irq.IrqLine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A virtio device's registers in guest-physical memory: VIRTIO 1.2, section 4.2. Any thread may
 * call.
 *
 * <p>A write to QueueNotify rings the queue's {@linkplain #doorbell doorbell}, and the device looks
 * on the I/O loop; a hypervisor that can ring it by itself never comes here for that. Interrupt
 * registers answer while the device works; the others wait for it.
 *
 * <p>The line is high while InterruptStatus is not zero, and each new interrupt is an edge too: so
 * it may be described as level- or edge-triggered, active high. What a driver does in the wrong
 * order or width is ignored. When it breaks a queue, DEVICE_NEEDS_RESET is set, and the device
 * stands still until it is reset (section 2.1.2).
 */
public final class VirtioMmio implements BusDevice, Stateful, AutoCloseable {
    /** The two layouts of registers and queues. */
    public enum Version {
        /** VIRTIO 1.0 and later, section 4.2.2. */
        MODERN,
        /** Before it, for old drivers: section 4.2.4. Queues are used from DRIVER_OK on only. */
        LEGACY
    }

    /**
     * Bytes of its range, as in QEMU's microvm machine: 256 of registers and as many of
     * configuration space.
     */
    public static final int RANGE = 0x200;

    /**
     * Offset of the 32-bit register at which a driver notifies: writing a queue's number rings its
     * doorbell.
     */
    public static final int NOTIFY_REGISTER = QUEUE_NOTIFY;

    private static final Logger log = LoggerFactory.getLogger(VirtioMmio.class);
    private static final String STATE_TYPE = "virtio-mmio";
    private static final int STATE_VERSION = 2;
    private static final int REGISTER_SIZE = 4;
    private static final int MOST_CONFIG = RANGE - CONFIG;

    private final Version version;
    private final GuestMemory memory;
    private final InterruptStatus interrupts;
    private final ReentrantLock lock = new ReentrantLock();
    private final DeviceLoop loop;
    private final SharedMemoryRegions sharedMemory;
    private final List<QueueSetup> queues = new ArrayList<>();
    private final VirtioDevice device;
    private final FeatureNegotiation features;

    // Guarded by the lock; the status may be read without.
    private volatile int status;
    private volatile boolean resetting; // the device does not stand still yet
    private int queueSel;
    private int generation;
    private int guestPageSize;
    private boolean made;
    private boolean quiet; // paused
    private final GuestNoise broken = new GuestNoise(); // how often, since the machine began
    private int defects; // of them by no fault of the driver's

    /** Makes registers and the device behind them, without shared memory regions. */
    public VirtioMmio(
            Version version, VirtioDeviceFactory factory, GuestMemory memory, EventLoop eventLoop, IrqLine irq) {
        this(version, factory, memory, eventLoop, irq, SharedMemoryPlacement.NONE);
    }

    /**
     * Makes registers and the device behind them.
     *
     * @param factory makes the device
     * @param memory of the guest
     * @param eventLoop on which the device works
     * @param irq its interrupt
     * @param placement of its shared memory regions
     * @throws IllegalArgumentException if the device offers features that are not its own, or is
     *     too large
     */
    public VirtioMmio(
            Version version,
            VirtioDeviceFactory factory,
            GuestMemory memory,
            EventLoop eventLoop,
            IrqLine irq,
            SharedMemoryPlacement placement) {
        Objects.requireNonNull(factory, "factory");
        Objects.requireNonNull(eventLoop, "eventLoop");
        Objects.requireNonNull(irq, "irq");
        Objects.requireNonNull(placement, "placement");
        this.version = Objects.requireNonNull(version, "version");
        this.memory = Objects.requireNonNull(memory, "memory");
        this.interrupts = new InterruptStatus(irq);
        this.loop = new DeviceLoop(eventLoop, lock, this::failed);
        this.sharedMemory = new SharedMemoryRegions(placement);
        this.device = factory.create(new Transport());
        this.made = true;
        this.features = new FeatureNegotiation(version == Version.MODERN, device);
        if ((device.features() & VirtioFeatures.RESERVED) != 0
                || device.config().size() > MOST_CONFIG) {
            device.close();
            throw new IllegalArgumentException(("%s: features 0x%x must be of bits 0 to 23 and 50 to 63,"
                            + " and configuration space %d bytes at most, was %d")
                    .formatted(
                            device.name(),
                            device.features(),
                            MOST_CONFIG,
                            device.config().size()));
        }
    }

    /** The device. */
    public VirtioDevice device() {
        return device;
    }

    /** How often the device failed by no fault of the driver's, so by its own: for tests. */
    public int defects() {
        return defects;
    }

    /** How many queues it has. */
    public int queueCount() {
        return queues.size();
    }

    /** What rings when the driver notifies a queue: for a hypervisor to raise. */
    public Signal doorbell(int queue) {
        return queues.get(queue).doorbell;
    }

    // ---- what the device is handed

    private final class Transport implements VirtioTransport {
        @Override
        public Virtqueue addQueue(int size) {
            if (made) throw new IllegalStateException("queues are added while the device is made");
            int number = queues.size();
            Runnable notify = () -> notifyDevice(number);
            Signal doorbell = loop.signal(notify);
            Virtqueue queue = new Virtqueue(number, size, memory, () -> interrupts.raise(USED_BUFFER), doorbell::raise);
            queues.add(new QueueSetup(queue, notify, doorbell));
            return queue;
        }

        @Override
        public Optional<GuestMemoryRegion> addSharedMemory(int id, long size) {
            if (made) throw new IllegalStateException("shared memory is added while the device is made");
            return sharedMemory.add(id, size);
        }

        @Override
        public GuestMemory memory() {
            return memory;
        }

        @Override
        public EventLoop loop() {
            return loop;
        }

        @Override
        public boolean pausing() {
            return loop.paused();
        }

        @Override
        public void configChanged() {
            loop.run(() -> {
                generation++;
                if ((status & DRIVER_OK) != 0) interrupts.raise(CONFIGURATION_CHANGE); // not earlier: 2.1.2
            });
        }
    }

    private void notifyDevice(int number) {
        Virtqueue queue = queues.get(number).queue;
        if (!queue.kick() && queue.running()) device.queueNotified(number);
    }

    /**
     * Something of the device threw, under the lock: it stands still until the driver resets it.
     */
    private void failed(RuntimeException e) {
        queues.forEach(setup -> setup.queue.stop());
        boolean told = (status & DEVICE_NEEDS_RESET) != 0;
        status |= DEVICE_NEEDS_RESET;
        if (!told && (status & DRIVER_OK) != 0) interrupts.raise(CONFIGURATION_CHANGE);
        if (!DeviceLoop.isGuestMistake(e)) {
            defects++;
            log.error("{} failed and needs a reset", device.name(), e);
        } else {
            long n = broken.count();
            if (n != 0) log.warn("{} needs a reset, for the {}. time: {}", device.name(), n, e.getMessage());
        }
    }

    // ---- registers

    @Override
    public long read(long at, int size) {
        int offset = (int) at;
        if (offset >= CONFIG) return readConfig(offset - CONFIG, size);
        if (size != REGISTER_SIZE) return 0; // others are not allowed: 4.2.2.2
        return switch (offset) {
            case MAGIC_VALUE -> MAGIC;
            case VERSION -> version == Version.MODERN ? MODERN_VERSION : LEGACY_VERSION;
            case DEVICE_ID -> device.deviceId();
            case VENDOR_ID -> VENDOR;
            case INTERRUPT_STATUS -> interrupts.value();
            case STATUS -> resetting ? statusDuringReset() : status;
            default -> {
                lock.lock();
                try {
                    yield readRegister(offset);
                } finally {
                    lock.unlock();
                }
            }
        };
    }

    private long readRegister(int offset) {
        boolean modern = version == Version.MODERN;
        QueueSetup setup = selected();
        return switch (offset) {
            case DEVICE_FEATURES -> features.readOffered();
            case QUEUE_NUM_MAX -> setup == null ? 0 : setup.queue.maxSize();
            case QUEUE_PFN -> modern || setup == null ? 0 : setup.pageNumber;
            case QUEUE_READY -> modern && setup != null && setup.ready ? 1 : 0;
            case SHM_LEN_LOW, SHM_LEN_HIGH, SHM_BASE_LOW, SHM_BASE_HIGH -> modern ? sharedMemory.read(offset) : 0;
            case CONFIG_GENERATION -> modern ? generation : 0;
            default -> 0;
        };
    }

    @Override
    public void write(long at, int size, long value) {
        int offset = (int) at;
        if (offset >= CONFIG) {
            writeConfig(offset - CONFIG, size, value);
        } else if (size == REGISTER_SIZE) {
            switch (offset) {
                case QUEUE_NOTIFY -> ring((int) value);
                case INTERRUPT_ACK -> interrupts.acknowledge((int) value);
                default -> loop.run(() -> writeRegister(offset, (int) value));
            }
        }
    }

    private void ring(int queue) {
        if (queue < 0 || queue >= queues.size()) return;
        QueueSetup setup = queues.get(queue);
        if (device.notifiedByVcpu() && !loop.paused()) loop.run(setup.notify);
        else setup.doorbell.raise();
    }

    private void writeRegister(int offset, int value) {
        switch (offset) {
            case DEVICE_FEATURES_SEL -> features.selectOffered(value);
            case DRIVER_FEATURES_SEL -> features.selectChosen(value);
            case DRIVER_FEATURES -> {
                if ((status & (FEATURES_OK | DRIVER_OK)) == 0) features.writeChosen(value); // else too late: 2.2.1
            }
            case QUEUE_SEL -> queueSel = value;
            case STATUS -> writeStatus(value);
            case SHM_SEL -> sharedMemory.select(value);
            default -> writeQueueRegister(offset, value);
        }
    }

    private void writeQueueRegister(int offset, int value) {
        QueueSetup setup = selected();
        if (version == Version.LEGACY) {
            if (offset == GUEST_PAGE_SIZE) guestPageSize = value;
            else if (setup != null && (status & DRIVER_OK) == 0) setup.writeLegacy(offset, value, guestPageSize);
        } else if (setup != null) {
            if (offset == QUEUE_READY) writeReady(setup, (value & 1) != 0);
            else if (!setup.ready) setup.write(offset, value); // a queue in use does not move: 4.2.2.2
        }
    }

    private void writeReady(QueueSetup setup, boolean ready) {
        if (ready && (status & DRIVER_OK) != 0) return; // too late: 3.1.1
        setup.ready = ready;
        if (!ready) setup.queue.stop();
    }

    private @Nullable QueueSetup selected() {
        return queueSel >= 0 && queueSel < queues.size() ? queues.get(queueSel) : null;
    }

    // ---- configuration space

    private long readConfig(int offset, int size) {
        long[] value = {0};
        if (offset + size <= device.config().size())
            loop.run(() -> value[0] = device.config().read(offset, size));
        return value[0];
    }

    private void writeConfig(int offset, int size, long value) {
        if (offset + size <= device.config().size()) loop.run(() -> device.writeConfig(offset, size, value));
    }

    // ---- status

    /** Bits are set one after the other, and cleared by a reset only: 2.1.1. */
    private void writeStatus(int value) {
        if (value == 0) {
            reset();
            return;
        }
        if (resetting && !completeReset()) return;
        int added = value & DRIVERS & ~status;
        if ((added & FEATURES_OK) != 0 && !features.accepted()) added &= ~FEATURES_OK;
        if (version == Version.MODERN && ((status | added) & FEATURES_OK) == 0) added &= ~DRIVER_OK;
        status |= added;
        if ((added & DRIVER_OK) != 0 && (status & DEVICE_NEEDS_RESET) == 0) activate();
    }

    private void activate() {
        startQueues();
        device.activate(features.negotiated());
        queues.forEach(setup -> {
            if (setup.ready) setup.doorbell.raise();
        });
    }

    private void startQueues() {
        for (QueueSetup setup : queues) {
            if (setup.ready) setup.start(features.negotiated());
        }
    }

    /**
     * The reset of a device whose threads wait for the host is complete when the driver reads 0:
     * 2.4.2. Until then it reads that the device needs a reset, and can do nothing.
     */
    private int statusDuringReset() {
        lock.lock();
        try {
            completeReset();
            return status;
        } finally {
            lock.unlock();
        }
    }

    /** Returns whether the reset is complete. */
    private boolean completeReset() {
        resetting = device.resetting();
        status = resetting ? DEVICE_NEEDS_RESET : 0;
        return !resetting;
    }

    /**
     * As after power-on: what a driver does by writing 0 to Status. It takes effect before the
     * write is over, if the host answers the device in time.
     */
    public void reset() {
        lock.lock();
        try {
            status = 0; // first: whatever the device does while it resets interrupts nobody
            queues.forEach(setup -> setup.queue.stop());
            loop.run(device::reset);
            queues.forEach(QueueSetup::reset);
            completeReset();
            features.reset();
            queueSel = 0;
            sharedMemory.select(0);
            guestPageSize = 0;
            interrupts.acknowledge(~0);
        } finally {
            lock.unlock();
        }
    }

    /** Frees what the device has of the host, when its loop has ended. */
    @Override
    public void close() {
        loop.forget();
        device.close();
    }

    // ---- pause

    /**
     * Quiesces the device, so that its state and guest memory stand still until {@link #resume}.
     * Called while no vCPU runs, by any thread but one that runs something of this device; twice is
     * once.
     *
     * <p>When this returns, no request is being served, and what was completed is in the used ring
     * with its interrupt raised. Notifications that came before, and what arrives from the host,
     * wait and are served after {@code resume}. Registers may be accessed, and the device saved,
     * restored or reset.
     *
     * @throws dev.microvm.error.MicroVmException if the host does not answer the device in time;
     *     the device then runs
     */
    public void pause() {
        loop.pause();
        lock.lock(); // so what runs already is over
        try {
            if (quiet) return;
            quiet = true;
            device.pause();
        } catch (RuntimeException e) {
            resume();
            throw e;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Lets a paused device run again, and serves what has waited, in its order; any thread may
     * call.
     */
    public void resume() {
        lock.lock();
        try {
            if (!quiet) return;
            quiet = false;
            loop.run(device::resume);
            loop.resume();
        } finally {
            lock.unlock();
        }
    }

    // ---- state

    @Override
    public DeviceState save() {
        lock.lock();
        try {
            if (resetting) completeReset(); // the device is paused, so it stands still
            DeviceState state = new DeviceState(STATE_TYPE, STATE_VERSION)
                    .put("deviceId", device.deviceId())
                    .put("status", status)
                    .put("interruptStatus", interrupts.value())
                    .put("queueSel", queueSel)
                    .put("sharedMemorySel", sharedMemory.selected())
                    .put("generation", generation)
                    .put("guestPageSize", guestPageSize)
                    .put("device", device.save().encode());
            features.save(state);
            for (QueueSetup setup : queues) setup.save(state);
            return state;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Puts back a state of the same kind of device, in a new one; the line's level is part of the
     * interrupt controller's.
     */
    @Override
    public void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        if (state.integer("deviceId") != device.deviceId()) {
            throw new IllegalArgumentException(
                    "state of virtio device %d given to %s".formatted(state.integer("deviceId"), device.name()));
        }
        DeviceState deviceState = DeviceState.decode(state.bytes("device"));
        lock.lock();
        try {
            features.restore(state);
            queueSel = state.integer("queueSel");
            sharedMemory.select(state.integer("sharedMemorySel"));
            generation = state.integer("generation");
            guestPageSize = state.integer("guestPageSize");
            interrupts.restore(state.integer("interruptStatus"));
            status = state.integer("status");
            for (QueueSetup setup : queues) setup.restore(state);
            boolean active = (status & (DRIVER_OK | DEVICE_NEEDS_RESET)) == DRIVER_OK;
            if (active) startQueues();
            for (QueueSetup setup : queues) setup.restoreIndices(state);
            if (active) device.activate(features.negotiated());
            device.restore(deviceState);
            if (active) queues.forEach(setup -> setup.doorbell.raise());
        } finally {
            lock.unlock();
        }
    }
}
