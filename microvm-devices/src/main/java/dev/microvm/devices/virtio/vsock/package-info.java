/**
 * Sockets between host and guest without a network: {@link dev.microvm.devices.virtio.vsock.VirtioVsock} is the device, {@link
 * dev.microvm.devices.virtio.vsock.VsockHost} what a Java program has of it, {@link
 * dev.microvm.devices.virtio.vsock.VsockUnixSockets} what other processes have. Start reading at {@code Connection}, where what the
 * guest and the host do meets.
 *
 * <p>Ports are unsigned 32-bit numbers. Not here: seqpacket sockets.
 */
@NullMarked
package dev.microvm.devices.virtio.vsock;

import org.jspecify.annotations.NullMarked;
