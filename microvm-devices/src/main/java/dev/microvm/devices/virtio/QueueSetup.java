package dev.microvm.devices.virtio;

import static dev.microvm.devices.virtio.VirtioMmioRegisters.*;

import dev.microvm.event.Signal;
import dev.microvm.state.DeviceState;

/**
 * A queue, where the driver wants it by the registers of {@link VirtioMmio}, and its doorbell.
 * Guarded by the transport's lock.
 */
final class QueueSetup {
    // Sizes in the one block that a legacy queue is: section 2.7.2.
    private static final int DESCRIPTOR_SIZE = 16;
    private static final int AVAILABLE_ENTRY = 2;
    private static final int AVAILABLE_OTHER = 6; // flags, idx and used_event

    final Virtqueue queue;
    final Runnable notify; // the device, of the queue
    final Signal doorbell; // the same on the loop
    boolean ready;
    int pageNumber; // legacy: as it was written

    private int size;
    private long descriptors;
    private long available;
    private long used;
    private int align; // legacy: of the used ring, bytes

    QueueSetup(Virtqueue queue, Runnable notify, Signal doorbell) {
        this.queue = queue;
        this.notify = notify;
        this.doorbell = doorbell;
        this.size = queue.maxSize();
    }

    void write(int offset, int value) {
        switch (offset) {
            case QUEUE_NUM -> size = value;
            case QUEUE_DESC_LOW -> descriptors = low(descriptors, value);
            case QUEUE_DESC_HIGH -> descriptors = high(descriptors, value);
            case QUEUE_DRIVER_LOW -> available = low(available, value);
            case QUEUE_DRIVER_HIGH -> available = high(available, value);
            case QUEUE_DEVICE_LOW -> used = low(used, value);
            case QUEUE_DEVICE_HIGH -> used = high(used, value);
            default -> {}
        }
    }

    private static long low(long of, int value) {
        return (of & ~0xffff_ffffL) | Integer.toUnsignedLong(value);
    }

    private static long high(long of, int value) {
        return (of & 0xffff_ffffL) | ((long) value << Integer.SIZE);
    }

    /** A page number of zero takes the queue back: section 4.2.4. */
    void writeLegacy(int offset, int value, int pageSize) {
        switch (offset) {
            case QUEUE_NUM -> size = value;
            case QUEUE_ALIGN -> align = value;
            case QUEUE_PFN -> {
                pageNumber = value;
                ready = value != 0;
                descriptors = Integer.toUnsignedLong(value) * Integer.toUnsignedLong(pageSize);
            }
            default -> {}
        }
    }

    void start(long features) {
        if (pageNumber != 0) placeLegacyRings();
        queue.start(new QueuePlace(size, descriptors, available, used), features);
    }

    /**
     * Available ring right after the descriptors, used ring at the next boundary: section 2.7.2.
     */
    private void placeLegacyRings() {
        if (Integer.bitCount(align) != 1) {
            throw new VirtqueueException(
                    "queue %d: alignment %d, not a power of two, 4.2.4".formatted(queue.number(), align));
        }
        long mask = Integer.toUnsignedLong(align) - 1;
        long entries = Integer.toUnsignedLong(size);
        available = descriptors + DESCRIPTOR_SIZE * entries;
        used = (available + AVAILABLE_OTHER + AVAILABLE_ENTRY * entries + mask) & ~mask;
    }

    void reset() {
        queue.reset();
        ready = false;
        pageNumber = 0;
        size = queue.maxSize();
        descriptors = 0;
        available = 0;
        used = 0;
        align = 0;
    }

    private String field(String name) {
        return "queue" + queue.number() + name;
    }

    void save(DeviceState to) {
        to.put(field("Ready"), ready)
                .put(field("Size"), size)
                .put(field("Descriptors"), descriptors)
                .put(field("Available"), available)
                .put(field("Used"), used)
                .put(field("Align"), align)
                .put(field("PageNumber"), pageNumber)
                .put(field("Indices"), queue.save().encode());
    }

    void restore(DeviceState from) {
        ready = from.flag(field("Ready"));
        size = from.integer(field("Size"));
        descriptors = from.number(field("Descriptors"));
        available = from.number(field("Available"));
        used = from.number(field("Used"));
        align = from.integer(field("Align"));
        pageNumber = from.integer(field("PageNumber"));
    }

    void restoreIndices(DeviceState from) {
        queue.restore(DeviceState.decode(from.bytes(field("Indices"))));
    }
}
