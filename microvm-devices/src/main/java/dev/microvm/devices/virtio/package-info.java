/**
 * What all virtio devices have in common: {@link dev.microvm.devices.virtio.VirtioDevice} is the
 * interface that a device implements, {@link dev.microvm.devices.virtio.Virtqueue} how it gets its
 * requests, and {@link dev.microvm.devices.virtio.VirtioMmio} the registers by which a guest finds
 * and starts it.
 *
 * <p>Section numbers are those of VIRTIO 1.2 (OASIS Committee Specification 01, 2022-07-01). A
 * driver that breaks the rules of a queue gets a device that needs a reset; it cannot do more,
 * because every address, length and index is checked where it is read, and each is read once.
 * Everything of one device runs one thing at a time: see {@link
 * dev.microvm.devices.virtio.VirtioDevice}. Not here: packed rings, in-order use, resetting one
 * queue.
 */
@NullMarked
package dev.microvm.devices.virtio;

import org.jspecify.annotations.NullMarked;
