package dev.microvm.devices.virtio.balloon;

import java.lang.foreign.MemorySegment;

/** Gives memory that the guest does not need back to the host. Called on the machine's I/O thread. */
@FunctionalInterface
public interface MemoryDiscard {
    /**
     * Gives the host's pages that lie whole in {@code [offset, offset + length)} of {@code memory} back, which is guest RAM. It
     * stays usable: each page reads as zero from then on or, where the host did not take it, as before. Throws nothing.
     */
    void discard(MemorySegment memory, long offset, long length);

    /** The host's means: madvise(2) with Linux, elsewhere none, which is logged once. */
    static MemoryDiscard ofHost() {
        return System.getProperty("os.name").equals("Linux") ? new LinuxMemoryDiscard() : NoMemoryDiscard.get();
    }
}
