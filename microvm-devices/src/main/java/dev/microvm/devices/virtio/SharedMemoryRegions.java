package dev.microvm.devices.virtio;

import static dev.microvm.devices.virtio.VirtioMmioRegisters.*;

import dev.microvm.memory.GuestMemoryRegion;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The shared memory regions of a device, and the registers by which a driver finds them: VIRTIO
 * 1.2, 2.10 and 4.2.2.
 */
final class SharedMemoryRegions {
    private static final int LAST_ID = 255; // shmid is a u8: section 2.10

    private final SharedMemoryPlacement placement;
    private final Map<Integer, GuestMemoryRegion> placed = new TreeMap<>();
    private int selected;

    SharedMemoryRegions(SharedMemoryPlacement placement) {
        this.placement = placement;
    }

    /** Adds a region; empty if the machine has no place for it. */
    Optional<GuestMemoryRegion> add(int id, long size) {
        if (id < 0 || id > LAST_ID || placed.containsKey(id)) {
            throw new IllegalArgumentException(
                    "shared memory region: a new id of 0 to %d, was %d".formatted(LAST_ID, id));
        }
        if (size <= 0 || size % GuestMemoryRegion.PAGE_SIZE != 0) {
            throw new IllegalArgumentException(
                    "shared memory region %d: a multiple of 4 KiB, above 0, was %d bytes".formatted(id, size));
        }
        Optional<GuestMemoryRegion> region = placement.place(size);
        region.ifPresent(made -> {
            if (made.size() != size) {
                throw new IllegalStateException(
                        "asked for %d bytes of shared memory, got %d".formatted(size, made.size()));
            }
            placed.put(id, made);
        });
        return region;
    }

    /**
     * Chooses the region that the registers are about: SHMSel. A driver may choose one that is not
     * there.
     */
    void select(int id) {
        selected = id;
    }

    int selected() {
        return selected;
    }

    /**
     * Reads one of the registers SHMLen and SHMBase. Without the region, all of their bits are set.
     */
    int read(int register) {
        @Nullable GuestMemoryRegion region = placed.get(selected);
        if (region == null) return NO_REGION;
        return switch (register) {
            case SHM_LEN_LOW -> (int) region.size();
            case SHM_LEN_HIGH -> (int) (region.size() >>> Integer.SIZE);
            case SHM_BASE_LOW -> (int) region.base();
            case SHM_BASE_HIGH -> (int) (region.base() >>> Integer.SIZE);
            default -> throw new IllegalArgumentException("register 0x%x".formatted(register));
        };
    }
}
