/**
 * A memory balloon, by which a guest gives memory back to the host: start at {@link
 * dev.microvm.devices.virtio.balloon.VirtioBalloon}. What gives it back is a {@link
 * dev.microvm.devices.virtio.balloon.MemoryDiscard}.
 */
@NullMarked
package dev.microvm.devices.virtio.balloon;

import org.jspecify.annotations.NullMarked;
