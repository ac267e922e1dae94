/** A thread of a device's own, for requests that wait for the host. */
@NullMarked
package dev.microvm.devices.virtio.worker;

import org.jspecify.annotations.NullMarked;
