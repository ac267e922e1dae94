/**
 * A memory balloon, by which a guest returns memory to the host: start at
 * {@link dev.microvm.devices.virtio.balloon.VirtioBalloon}. A
 * {@link dev.microvm.devices.virtio.balloon.MemoryDiscard} returns the pages.
 */
@NullMarked
package dev.microvm.devices.virtio.balloon;

import org.jspecify.annotations.NullMarked;
