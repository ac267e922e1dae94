package dev.microvm.devices.virtio.console;

import java.lang.foreign.MemorySegment;

/** Takes what the guest writes to a port. Called on the machine's I/O loop; must not block. */
@FunctionalInterface
public interface PortOutput {
    /**
     * Takes bytes, in guest memory: {@code [offset, offset + length)} of {@code from}.
     *
     * @return how many it took, from the first on; after fewer than {@code length} the guest waits until
     *     {@link ConsolePort#outputReady}
     */
    long write(MemorySegment from, long offset, long length);
}
