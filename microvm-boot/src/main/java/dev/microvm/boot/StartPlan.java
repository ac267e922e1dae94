package dev.microvm.boot;

import dev.microvm.boot.tables.E820Map;
import dev.microvm.memory.GuestMemory;
import java.util.List;

/**
 * How a guest gets to its first instruction: the host loads its kernel ({@link BootPlan}), or firmware does ({@link
 * FirmwarePlan}). Any thread may use a plan, for any number of guests.
 */
public sealed interface StartPlan permits BootPlan, FirmwarePlan {
    /** How many bytes of read-only memory the guest must have, which end at 4 GiB; a multiple of 4 KiB. */
    default long romSize() {
        return 0;
    }

    /** What the guest is told of its memory. */
    E820Map memoryMap();

    /** The tables that the guest can find, in words, each with its address where that is known. */
    List<String> tables();

    /**
     * Writes everything to guest memory.
     *
     * @param memory with RAM as the memory map says, and {@link #romSize} bytes that end at 4 GiB
     * @return how the first vCPU starts
     * @throws BootException if a file cannot be read any more, or its payload turns out corrupt
     */
    BootState load(GuestMemory memory);
}
