package dev.microvm.model;

import dev.microvm.memory.RamBacking;
import java.util.List;

/**
 * The guest's RAM.
 *
 * @param mib how much, in MiB, from 2 to what the host has
 * @param backing what is behind it on the host
 */
public record MemorySpec(int mib, RamBacking backing) {
    /** 128 MiB of memory of this process. */
    public static final MemorySpec DEFAULT = new MemorySpec(128, RamBacking.anonymous());

    private static final int MIN_MIB = 2; // below is what boot needs; kernels want much more

    /** The same with another size. */
    public MemorySpec withMib(int value) {
        return new MemorySpec(value, backing);
    }

    /** The same with another backing. */
    public MemorySpec withBacking(RamBacking value) {
        return new MemorySpec(mib, value);
    }

    /** In bytes; at least what a machine must have, so that the rest of a description can be checked. */
    public long bytes() {
        return (long) Math.max(mib, MIN_MIB) << 20;
    }

    /** Whether it is enough for a machine. */
    public boolean isEnough() {
        return mib >= MIN_MIB;
    }

    /** What is out of range on this host, or missing. */
    public List<String> problems() {
        long hostMib = HostFacts.memoryMiB();
        return mib < MIN_MIB || mib > hostMib
                ? List.of("memoryMiB: %d to %d (the host's memory), was %d".formatted(MIN_MIB, hostMib, mib))
                : backing.problems(bytes());
    }
}
