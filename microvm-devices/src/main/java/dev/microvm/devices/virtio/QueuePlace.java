package dev.microvm.devices.virtio;

/**
 * Where a driver has put a split queue: VIRTIO 1.2, section 2.7.
 *
 * @param size entries, a power of two
 * @param descriptors guest-physical address of the descriptor table
 * @param available guest-physical address of the available ring (the driver area)
 * @param used guest-physical address of the used ring (the device area)
 */
public record QueuePlace(int size, long descriptors, long available, long used) {}
