/**
 * The virtio network device: VIRTIO 1.2, section 5.1. {@link
 * dev.microvm.devices.virtio.net.VirtioNet} moves frames between a guest's queues and a {@link
 * dev.microvm.backend.net.NetBackend}; start reading there. Not here: several pairs of queues, VLAN
 * filters, receive-side scaling, UDP segmentation.
 */
@NullMarked
package dev.microvm.devices.virtio.net;

import org.jspecify.annotations.NullMarked;
