package dev.microvm.model;

/**
 * Is told of each access of a guest to a device at a port or an address. What does not leave the
 * guest is not seen: accesses to RAM, to the local APIC, to devices of {@link Irqchip#KERNEL}, and
 * notifications of virtio queues where the hypervisor has doorbells for them.
 */
@FunctionalInterface
public interface ExitTrace {
    /**
     * An access, after the device has served it. Called on the vCPU's thread; must not block. What
     * it throws ends the guest.
     *
     * @param vcpu the vCPU's number
     * @param access what it did
     * @param address port number, or guest-physical address
     * @param size of the access in bytes: 1, 2, 4 or 8
     * @param value what was read or written, in the low bytes
     */
    void exit(int vcpu, Access access, long address, int size, long value);

    /** What a vCPU does to a device. */
    enum Access {
        /** IN. */
        PORT_READ,
        /** OUT. */
        PORT_WRITE,
        /** A load from an address without memory. */
        MMIO_READ,
        /** A store to an address without memory. */
        MMIO_WRITE
    }
}
