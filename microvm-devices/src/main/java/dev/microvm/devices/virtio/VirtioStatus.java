package dev.microvm.devices.virtio;

/** Bits of the device status field: VIRTIO 1.2, section 2.1. */
public final class VirtioStatus {
    /** The guest has noticed the device. */
    public static final int ACKNOWLEDGE = 1;

    /** The guest has a driver for it. */
    public static final int DRIVER = 2;

    /** The driver is ready, and the device may use its queues. */
    public static final int DRIVER_OK = 4;

    /** Feature negotiation is over; the device clears it when it does not like the choice. */
    public static final int FEATURES_OK = 8;

    /** Set by the device: something is broken, and only a reset helps. */
    public static final int DEVICE_NEEDS_RESET = 0x40;

    /** The driver has given up. */
    public static final int FAILED = 0x80;

    /** What a driver may set. */
    static final int DRIVERS = ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | FAILED;

    private VirtioStatus() {}
}
