package dev.microvm.devices.virtio.balloon;

import dev.microvm.linux.LinuxHost;
import java.lang.foreign.MemorySegment;

/** Returns memory that the guest does not need to the host. Called on the machine's I/O thread. */
@FunctionalInterface
public interface MemoryDiscard {
    /**
     * Returns to the host all pages that lie entirely in {@code [offset, offset + length)} of guest
     * RAM, in bytes. The memory stays usable: each page then reads as zero or, if the host did not
     * take it, as before. Does not throw.
     */
    void discard(MemorySegment memory, long offset, long length);

    /**
     * Returns the implementation for this host: madvise(2) on Linux. Elsewhere it does nothing,
     * which is logged once.
     */
    static MemoryDiscard ofHost() {
        return LinuxHost.problem().map(NoMemoryDiscard::because).orElseGet(LinuxMemoryDiscard::new);
    }
}
