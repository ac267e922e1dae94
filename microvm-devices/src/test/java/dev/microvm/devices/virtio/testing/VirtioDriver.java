package dev.microvm.devices.virtio.testing;

import static dev.microvm.devices.virtio.VirtioMmioRegisters.*;
import static dev.microvm.devices.virtio.VirtioStatus.*;

import dev.microvm.devices.virtio.SharedMemoryPlacement;
import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.testing.FakeIrqLine;
import dev.microvm.testing.ManualEventLoop;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/**
 * A driver and the machine around it, for tests of devices: memory, a loop that runs when it is
 * told to, an interrupt line, and a device behind {@link VirtioMmio} registers. {@code start} does
 * what a driver does: VIRTIO 1.2, section 3.1.1. For one thread.
 */
public final class VirtioDriver {
    /** Bytes of guest memory, from 0. */
    public static final int MEMORY = 16 << 20;

    private static final int PAGE = 4096;

    private final GuestMemory memory;
    private final ManualEventLoop loop = new ManualEventLoop();
    private final FakeIrqLine irq = new FakeIrqLine();
    private final VirtioMmio mmio;
    private final List<DriverQueue> queues = new ArrayList<>();
    private long freeMemory = PAGE; // nothing at 0, so that an address that was forgotten is noticed

    /** Puts a device behind registers of version 2. */
    public VirtioDriver(VirtioDeviceFactory factory) {
        this(VirtioMmio.Version.MODERN, factory);
    }

    /** Puts a device behind registers of either version. */
    public VirtioDriver(VirtioMmio.Version version, VirtioDeviceFactory factory) {
        this(
                version,
                factory,
                new GuestMemory(List.of(new GuestMemoryRegion(0, Arena.ofAuto().allocate(MEMORY, PAGE), false))));
    }

    /** Puts a device behind registers, with this memory, whose first bytes are RAM. */
    public VirtioDriver(VirtioMmio.Version version, VirtioDeviceFactory factory, GuestMemory memory) {
        this(version, factory, memory, SharedMemoryPlacement.NONE);
    }

    /**
     * Puts a device behind registers, with this memory, whose first bytes are RAM, and places for
     * shared memory.
     */
    public VirtioDriver(
            VirtioMmio.Version version,
            VirtioDeviceFactory factory,
            GuestMemory memory,
            SharedMemoryPlacement placement) {
        this.memory = memory;
        mmio = new VirtioMmio(version, factory, memory, loop, irq, placement);
    }

    /**
     * This driver in a machine that continues from this one's state, with a device of its own and the
     * same memory: from now on only one of both may be used.
     */
    public VirtioDriver continued(VirtioDeviceFactory factory) {
        VirtioDriver next = new VirtioDriver(VirtioMmio.Version.MODERN, factory, memory);
        next.queues.addAll(queues);
        next.freeMemory = freeMemory;
        next.mmio.restore(mmio.save());
        next.loop.run();
        return next;
    }

    /** The guest's memory. */
    public GuestMemory memory() {
        return memory;
    }

    /** The machine's loop. */
    public ManualEventLoop loop() {
        return loop;
    }

    /** The device's interrupt line. */
    public FakeIrqLine irq() {
        return irq;
    }

    /** The device's registers. */
    public VirtioMmio mmio() {
        return mmio;
    }

    // ---- registers

    /** Reads a 32-bit register. */
    public int read(int register) {
        return (int) mmio.read(register, Integer.BYTES);
    }

    /** Writes a 32-bit register. */
    public void write(int register, int value) {
        mmio.write(register, Integer.BYTES, Integer.toUnsignedLong(value));
    }

    /** Reads a field of the configuration space of 1, 2, 4 or 8 bytes. */
    public long config(int offset, int size) {
        return mmio.read(CONFIG + (long) offset, size);
    }

    /** Writes a field of the configuration space of 1, 2, 4 or 8 bytes. */
    public void writeConfig(int offset, int size, long value) {
        mmio.write(CONFIG + (long) offset, size, value);
    }

    /** The device status. */
    public int status() {
        return read(STATUS);
    }

    /** Whether the device has given up on this driver. */
    public boolean needsReset() {
        return (status() & DEVICE_NEEDS_RESET) != 0;
    }

    /** All features that the device offers. */
    public long offered() {
        write(DEVICE_FEATURES_SEL, 0);
        long low = Integer.toUnsignedLong(read(DEVICE_FEATURES));
        write(DEVICE_FEATURES_SEL, 1);
        return low | ((long) read(DEVICE_FEATURES) << Integer.SIZE);
    }

    /** Guest-physical address of a shared memory region; -1 if there is none. */
    public long sharedMemoryBase(int id) {
        write(SHM_SEL, id);
        return readLong(SHM_BASE_LOW);
    }

    /** Bytes of a shared memory region; -1 if there is none. */
    public long sharedMemoryLength(int id) {
        write(SHM_SEL, id);
        return readLong(SHM_LEN_LOW);
    }

    private long readLong(int register) {
        return Integer.toUnsignedLong(read(register)) | ((long) read(register + Integer.BYTES) << Integer.SIZE);
    }

    // ---- initialization

    /** Starts the device with all features it offers, and queues as large as they may be. */
    public VirtioDriver start() {
        return start(offered());
    }

    /** Starts the device with these features, and queues as large as they may be. */
    public VirtioDriver start(long features) {
        return start(features, Virtqueue.MAX_SIZE);
    }

    /**
     * Starts the device with these features, and queues of this size or, where that is less, of
     * their maximum.
     */
    public VirtioDriver start(long features, int queueSize) {
        negotiate(features);
        queues.clear();
        for (int number = 0; number < mmio.queueCount(); number++) addQueue(number, queueSize, features);
        write(STATUS, status() | DRIVER_OK);
        loop.run();
        irq.takeRisingEdges();
        return this;
    }

    /** Resets the device and negotiates features: all of 3.1.1 but queues and DRIVER_OK. */
    public void negotiate(long features) {
        write(STATUS, 0);
        write(STATUS, ACKNOWLEDGE);
        write(STATUS, ACKNOWLEDGE | DRIVER);
        write(DRIVER_FEATURES_SEL, 0);
        write(DRIVER_FEATURES, (int) features);
        write(DRIVER_FEATURES_SEL, 1);
        write(DRIVER_FEATURES, (int) (features >>> Integer.SIZE));
        if (read(VERSION) == LEGACY_VERSION) {
            write(GUEST_PAGE_SIZE, PAGE);
        } else {
            write(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
            if ((status() & FEATURES_OK) == 0) {
                throw new AssertionError("the device refuses features 0x%x".formatted(features));
            }
        }
    }

    private void addQueue(int number, int queueSize, long features) {
        write(QUEUE_SEL, number);
        int size = Math.min(read(QUEUE_NUM_MAX), queueSize);
        write(QUEUE_NUM, size);
        boolean legacy = read(VERSION) == LEGACY_VERSION;
        long ring = DriverQueue.descriptorBytes(size) + (long) DriverQueue.availableBytes(size);
        long usedOffset = (ring + PAGE - 1) & -PAGE; // as legacy devices want it, and others may have it
        long block = allocate((int) usedOffset + DriverQueue.usedBytes(size));
        DriverQueue queue = new DriverQueue(
                memory, size, block, block + DriverQueue.descriptorBytes(size), block + usedOffset, features);
        if (legacy) {
            write(QUEUE_ALIGN, PAGE);
            write(QUEUE_PFN, (int) (block / PAGE));
        } else {
            writeAddress(QUEUE_DESC_LOW, queue.descriptors());
            writeAddress(QUEUE_DRIVER_LOW, queue.available());
            writeAddress(QUEUE_DEVICE_LOW, queue.used());
            write(QUEUE_READY, 1);
        }
        queues.add(queue);
    }

    /** Writes a 64-bit address to a register and the one after it. */
    public void writeAddress(int register, long gpa) {
        write(register, (int) gpa);
        write(register + Integer.BYTES, (int) (gpa >>> Integer.SIZE));
    }

    /** A queue, once the device is started. */
    public DriverQueue queue(int number) {
        return queues.get(number);
    }

    // ---- requests

    /** Guest memory that nobody uses yet, zeroed, from the start of a page on. */
    public long allocate(int bytes) {
        long gpa = freeMemory;
        freeMemory = (gpa + bytes + PAGE - 1) & -PAGE;
        if (freeMemory > MEMORY) throw new IllegalStateException("the guest is out of memory");
        return gpa;
    }

    /** A buffer of new memory with this content, for the device to read. */
    public Buffer readable(byte... content) {
        long gpa = allocate(content.length);
        memory.write(gpa, content);
        return Buffer.readable(gpa, content.length);
    }

    /** A buffer of new memory for the device to write. */
    public Buffer writable(int length) {
        return Buffer.writable(allocate(length), length);
    }

    /** What is in a buffer now. */
    public byte[] content(Buffer buffer) {
        return memory.read(buffer.gpa(), buffer.length());
    }

    /** Notifies the device of a queue and lets the loop run until nothing is left to do. */
    public void notify(int queue) {
        write(QUEUE_NOTIFY, queue);
        loop.run();
    }

    /** Acknowledges all interrupts; returns what InterruptStatus was. */
    public int acknowledge() {
        int reasons = read(INTERRUPT_STATUS);
        write(INTERRUPT_ACK, reasons);
        return reasons;
    }
}
