/**
 * Consoles and serial ports over virtio: {@link dev.microvm.devices.virtio.console.VirtioConsole}
 * is the device, {@link dev.microvm.devices.virtio.console.ConsolePort} the host's end of one of
 * its ports.
 */
@NullMarked
package dev.microvm.devices.virtio.console;

import org.jspecify.annotations.NullMarked;
