/**
 * A disk for the guest: {@link dev.microvm.devices.virtio.blk.VirtioBlk}, on whatever {@link
 * dev.microvm.backend.disk.BlockBackend} holds its content.
 */
@NullMarked
package dev.microvm.devices.virtio.blk;

import org.jspecify.annotations.NullMarked;
