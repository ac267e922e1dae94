package dev.microvm.devices.virtio;

import dev.microvm.memory.GuestMemoryRegion;
import java.util.Optional;

/**
 * Places the shared memory regions of virtio devices in guest-physical space: VIRTIO 1.2, section
 * 2.10. A machine implements it if it has room for them, and maps the memory there before the guest
 * runs.
 */
@FunctionalInterface
public interface SharedMemoryPlacement {
    /** Places none: a device then does without its region, and the driver finds none. */
    SharedMemoryPlacement NONE = size -> Optional.empty();

    /**
     * Places a region and maps memory of zeroes there, until the machine ends.
     *
     * @param size bytes, a multiple of {@link GuestMemoryRegion#PAGE_SIZE}
     * @return where it is and the host memory behind it, exactly {@code size} bytes; empty if there
     *     is no room
     */
    Optional<GuestMemoryRegion> place(long size);
}
