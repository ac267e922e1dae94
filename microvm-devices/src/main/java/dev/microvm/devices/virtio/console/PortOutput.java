package dev.microvm.devices.virtio.console;

import java.lang.foreign.MemorySegment;

/**
 * Takes the bytes that the guest writes to a port. Called on the machine's I/O loop; must not
 * block.
 */
@FunctionalInterface
public interface PortOutput {
    /**
     * Takes bytes in guest memory: {@code [offset, offset + length)} of {@code from}.
     *
     * @return the number of bytes taken, beginning with the first; if fewer than {@code length},
     *     the guest waits until {@link ConsolePort#outputReady} is called
     */
    long write(MemorySegment from, long offset, long length);
}
