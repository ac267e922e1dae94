package dev.microvm.devices.virtio.balloon;

import dev.microvm.linux.ErrnoException;
import dev.microvm.linux.MappedMemory;
import java.lang.foreign.MemorySegment;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Discards pages of guest RAM, which is private anonymous memory: see {@link MappedMemory#discard}.
 */
final class LinuxMemoryDiscard implements MemoryDiscard {
    private static final Logger log = LoggerFactory.getLogger(LinuxMemoryDiscard.class);

    private boolean refused; // said once, as a guest can cause it at will

    @Override
    public void discard(MemorySegment memory, long offset, long length) {
        try {
            MappedMemory.discard(memory, offset, length);
        } catch (ErrnoException e) {
            if (!refused) log.warn("balloon: the host does not take all memory back: {}", e.getMessage());
            refused = true;
        }
    }
}
