/**
 * An entropy source for the guest: {@link dev.microvm.devices.virtio.rng.VirtioRng}, the smallest
 * of the virtio devices.
 */
@NullMarked
package dev.microvm.devices.virtio.rng;

import org.jspecify.annotations.NullMarked;
