/**
 * Sockets between host and guest without a network.
 * {@link dev.microvm.devices.virtio.vsock.VirtioVsock} is the device,
 * {@link dev.microvm.devices.virtio.vsock.VsockHost} its interface for Java programs,
 * {@link dev.microvm.devices.virtio.vsock.VsockUnixSockets} the one for other processes. Start
 * reading at {@code Connection}, which joins the guest's side and the host's side.
 *
 * <p>Ports are unsigned 32-bit numbers. Not supported: seqpacket sockets.
 */
@NullMarked
package dev.microvm.devices.virtio.vsock;

import org.jspecify.annotations.NullMarked;
