package dev.microvm.devices.virtio;

/** Makes a virtio device for one transport. */
@FunctionalInterface
public interface VirtioDeviceFactory {
    /**
     * Makes the device; it is called once for each start of a machine.
     *
     * @param transport what the device is attached to, its own for its whole life
     */
    VirtioDevice create(VirtioTransport transport);
}
