/**
 * The driver's side of virtio, for tests: {@link dev.microvm.devices.virtio.testing.DriverQueue} is
 * the driver's half of a queue, {@link dev.microvm.devices.virtio.testing.VirtioDriver} sets up a
 * device as a guest does, {@link dev.microvm.devices.virtio.testing.HostileDriver} breaks every
 * rule.
 */
@NullMarked
package dev.microvm.devices.virtio.testing;

import org.jspecify.annotations.NullMarked;
