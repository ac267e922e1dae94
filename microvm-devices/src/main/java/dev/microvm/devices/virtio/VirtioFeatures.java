package dev.microvm.devices.virtio;

/**
 * Feature bits that belong to queues and transport, not to a kind of device: VIRTIO 1.2, section 6.
 */
public final class VirtioFeatures {
    /**
     * A buffer may be framed in any way by its descriptors; a legacy bit, which version 1 implies:
     * section 6.3.
     */
    public static final long ANY_LAYOUT = 1L << 27;

    /** Descriptors may refer to tables of descriptors: section 2.7.5.3. */
    public static final long INDIRECT_DESC = 1L << 28;

    /** Each side says by index when it wants the next notification: sections 2.7.7 and 2.7.10. */
    public static final long EVENT_IDX = 1L << 29;

    /** The device follows version 1 of the specification; without it, it is a legacy device. */
    public static final long VERSION_1 = 1L << 32;

    /**
     * Bits that a device does not decide about: 24 to 49 of sections 2.2 and 6, and the legacy ones
     * among them.
     */
    static final long RESERVED = ((1L << 50) - 1) & ~((1L << 24) - 1);

    private VirtioFeatures() {}
}
