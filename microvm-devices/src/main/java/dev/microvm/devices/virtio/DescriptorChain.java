package dev.microvm.devices.virtio;

/**
 * One buffer that the driver made available: bytes for the device to read, then bytes for it to
 * write. {@link Virtqueue} yields it with every rule checked, and uses the object again once it is
 * completed.
 */
public final class DescriptorChain {
    private static final int NONE = -1;

    private final GuestBuffer readable = new GuestBuffer();
    private final GuestBuffer writable = new GuestBuffer();
    private int head = NONE;
    private int order;

    DescriptorChain() {}

    /** What the driver wrote for the device; the device never writes to it (section 2.7.4). */
    public GuestBuffer readable() {
        return readable;
    }

    /** What the device writes for the driver. */
    public GuestBuffer writable() {
        return writable;
    }

    /** Begins a chain of no bytes. */
    void begin(int newHead, int newOrder) {
        head = newHead;
        order = newOrder;
        readable.clear();
        writable.clear();
    }

    /** Ends its use; it is in no queue from here on. */
    void end() {
        head = NONE;
    }

    /**
     * Index of its first descriptor, by which the driver knows it; negative if it is not in flight.
     */
    int head() {
        return head;
    }

    /** When it was taken, in relation to others: compare by difference. */
    int order() {
        return order;
    }
}
