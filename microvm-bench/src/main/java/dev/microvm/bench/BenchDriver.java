package dev.microvm.bench;

import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.event.JavaEventLoop;
import dev.microvm.irq.IrqLine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * A virtio driver that repeats the same requests. The entries of a queue's available ring do not
 * change; initially all are descriptor 0. Interrupts are ignored.
 */
final class BenchDriver implements AutoCloseable {
    static final int SIZE = 256; // of a queue, if the device supports it

    // Descriptor flags: VIRTIO 1.2, 2.7.5
    static final int NEXT = 1;
    static final int WRITE = 2;
    static final int INDIRECT = 4;

    /** Guest-physical address of memory for buffers and tables. */
    static final long BUFFERS = 0x100000;

    // Registers and status bits: VIRTIO 1.2, 4.2.2 and 2.1
    private static final int DRIVER_FEATURES = 0x20;
    private static final int DRIVER_FEATURES_SEL = 0x24;
    private static final int QUEUE_SEL = 0x30;
    private static final int QUEUE_NUM_MAX = 0x34;
    private static final int QUEUE_NUM = 0x38;
    private static final int QUEUE_READY = 0x44;
    private static final int QUEUE_NOTIFY = 0x50;
    private static final int STATUS = 0x70;
    private static final int QUEUE_DESC = 0x80;
    private static final int QUEUE_DRIVER = 0x90;
    private static final int QUEUE_DEVICE = 0xa0;
    private static final int FEATURES_OK_STATUS = 11;
    private static final int DRIVER_OK_STATUS = 15;
    private static final int EVENT_IDX_AND_INDIRECT = 3 << 28;
    private static final int VERSION_1_HIGH = 1;

    // Guest-physical addresses of a queue's parts
    private static final long QUEUES = 0x1000;
    private static final long QUEUE_BYTES = 0x4000;
    private static final long AVAILABLE = 0x1000; // offset from a queue's start, as the next
    private static final long USED = 0x2000;
    private static final int INDEX = 2; // in both rings
    private static final int RING = 4;
    private static final int DESCRIPTOR_BYTES = 16;

    private final Arena arena = Arena.ofShared();
    private final GuestMemory memory =
            new GuestMemory(List.of(new GuestMemoryRegion(0, arena.allocate(4 << 20, 4096), false)));
    private final JavaEventLoop loop = new JavaEventLoop("bench-io");
    private final VirtioMmio mmio;
    private final short[] available;

    /**
     * Makes a device and starts it.
     *
     * @param features the device-specific features to accept, below bit 24; the driver always
     *     accepts indirect descriptors and event indices
     */
    BenchDriver(VirtioDeviceFactory factory, int features) {
        mmio = new VirtioMmio(VirtioMmio.Version.MODERN, factory, memory, loop, IrqLine.UNCONNECTED);
        available = new short[mmio.queueCount()];
        write(STATUS, 0);
        write(DRIVER_FEATURES, EVENT_IDX_AND_INDIRECT | features);
        write(DRIVER_FEATURES_SEL, 1);
        write(DRIVER_FEATURES, VERSION_1_HIGH);
        write(STATUS, FEATURES_OK_STATUS);
        for (int queue = 0; queue < available.length; queue++) {
            write(QUEUE_SEL, queue);
            write(QUEUE_NUM, (int) Math.min(SIZE, mmio.read(QUEUE_NUM_MAX, Integer.BYTES)));
            write(QUEUE_DESC, (int) at(queue));
            write(QUEUE_DRIVER, (int) (at(queue) + AVAILABLE));
            write(QUEUE_DEVICE, (int) (at(queue) + USED));
            write(QUEUE_READY, 1);
        }
        write(STATUS, DRIVER_OK_STATUS);
        awaitLoop();
    }

    /**
     * Waits until the loop has done its work. From now on the caller may call the device, if
     * nothing else notifies it.
     */
    private void awaitLoop() {
        for (int turn = 0; turn < 2; turn++) { // a turn's tasks come before its signals
            CompletableFuture<Void> passed = new CompletableFuture<>();
            loop.execute(() -> passed.complete(null));
            passed.join();
        }
    }

    private static long at(int queue) {
        return QUEUES + queue * QUEUE_BYTES;
    }

    private void write(int register, int value) {
        mmio.write(register, Integer.BYTES, Integer.toUnsignedLong(value));
    }

    GuestMemory memory() {
        return memory;
    }

    VirtioDevice device() {
        return mmio.device();
    }

    /** Fills descriptor {@code index} of a queue. */
    void descriptor(int queue, int index, long gpa, int length, int flags, int next) {
        tableEntry(at(queue), index, gpa, length, flags, next);
    }

    /**
     * Fills all descriptors of a queue with equal buffers, {@code stride} bytes apart, and makes
     * each of them a request.
     */
    void requests(int queue, long gpa, int stride, int length, int flags) {
        for (int i = 0; i < SIZE; i++) {
            descriptor(queue, i, gpa + (long) i * stride, length, flags, 0);
            memory.putShort(at(queue) + AVAILABLE + RING + (long) i * Short.BYTES, i);
        }
    }

    /** Fills descriptor {@code index} of an indirect table. */
    void tableEntry(long table, int index, long gpa, int length, int flags, int next) {
        long at = table + (long) index * DESCRIPTOR_BYTES;
        memory.putLong(at, gpa);
        memory.putInt(at + 8, length);
        memory.putShort(at + 12, flags);
        memory.putShort(at + 14, next);
    }

    /** Makes the next request of a queue available. */
    void makeAvailable(int queue) {
        memory.putShortRelease(at(queue) + AVAILABLE + INDEX, ++available[queue]);
    }

    /** Notifies the device of a queue, on its loop. */
    void notifyDevice(int queue) {
        write(QUEUE_NOTIFY, queue);
    }

    /** Whether the device has completed all available requests. */
    boolean isDone(int queue) {
        return (short) memory.getShortAcquire(at(queue) + USED + INDEX) == available[queue];
    }

    @Override
    public void close() {
        loop.close();
        mmio.close();
        arena.close();
    }
}
