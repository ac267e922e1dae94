package dev.microvm.boot.tables;

import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.lang.foreign.Arena;
import java.util.List;

/** Memory for the tests of this package. */
final class TablesMemory {
    private TablesMemory() {}

    /** The first MiB of a guest. */
    static GuestMemory firstMiB() {
        return new GuestMemory(List.of(new GuestMemoryRegion(0, Arena.ofAuto().allocate(1 << 20, 4096), false)));
    }

    static int sum(byte[] bytes) {
        int sum = 0;
        for (byte value : bytes) {
            sum += value;
        }
        return sum & 0xFF;
    }
}
