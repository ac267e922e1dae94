package dev.microvm.model;

import dev.microvm.memory.RamBacking;
import java.util.List;
import java.util.Objects;

/**
 * The guest's RAM.
 *
 * @param mib size in MiB, from 2 to the host's memory
 * @param backing the host memory behind it
 */
public record MemorySpec(int mib, RamBacking backing) {
    /** 128 MiB of this process's memory. */
    public static final MemorySpec DEFAULT = new MemorySpec(128, RamBacking.anonymous());

    /** Refuses null. */
    public MemorySpec {
        Objects.requireNonNull(backing, "backing");
    }

    private static final int MIN_MIB = 2; // boot data is below 1 MiB; kernels need much more

    /** The same with another size. */
    public MemorySpec withMib(int value) {
        return new MemorySpec(value, backing);
    }

    /** The same with another backing. */
    public MemorySpec withBacking(RamBacking value) {
        return new MemorySpec(mib, value);
    }

    /**
     * Returns the size in bytes; at least the minimum, so that the rest of a description can be
     * checked.
     */
    public long bytes() {
        return (long) Math.max(mib, MIN_MIB) << 20;
    }

    /** Whether the size is at least the minimum. */
    public boolean isEnough() {
        return mib >= MIN_MIB;
    }

    /** Returns what is out of range on this host, or missing. */
    public List<String> problems() {
        long hostMib = HostFacts.memoryMiB();
        return mib < MIN_MIB || mib > hostMib
                ? List.of("memoryMiB: %d to %d (the host's memory), was %d".formatted(MIN_MIB, hostMib, mib))
                : backing.problems(bytes());
    }
}
