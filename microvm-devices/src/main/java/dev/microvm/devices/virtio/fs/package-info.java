/** A device by which a guest uses a directory of the host: {@link dev.microvm.devices.virtio.fs.VirtioFs}. */
@NullMarked
package dev.microvm.devices.virtio.fs;

import org.jspecify.annotations.NullMarked;
