package dev.microvm.boot;

import dev.microvm.boot.tables.E820Map;
import dev.microvm.memory.GuestMemory;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * The plan of a guest's start: the host loads its kernel ({@link BootPlan}), or firmware does
 * ({@link FirmwarePlan}). Immutable: any thread may use a plan, for any number of guests.
 */
public sealed interface StartPlan permits BootPlan, FirmwarePlan {
    /**
     * Returns the size in bytes of the read-only memory that ends at 4 GiB; a multiple of 4 KiB.
     */
    default long romSize() {
        return 0;
    }

    /** Returns the memory map for the guest. */
    E820Map memoryMap();

    /**
     * Returns the tables that the guest can find, in words, each with its address if that is known.
     */
    List<String> tables();

    /**
     * Writes everything to guest memory.
     *
     * @param memory with the RAM of the memory map, and {@link #romSize} bytes that end at 4 GiB
     * @return the state in which the first vCPU starts
     * @throws BootException if a file can no longer be read, or its payload is corrupt
     */
    default BootState load(GuestMemory memory) {
        return load(memory, () -> false);
    }

    /**
     * The same, but ends soon after another thread no longer wants it.
     *
     * @param cancelled returns whether that is so; called often, on this thread
     * @throws BootException if a file can no longer be read, or its payload is corrupt
     * @throws java.util.concurrent.CancellationException if it is cancelled; guest memory then has
     *     a part of what was to be loaded
     */
    BootState load(GuestMemory memory, BooleanSupplier cancelled);
}
