package dev.microvm.kvm;

import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.linux.ErrnoException;
import dev.microvm.linux.MappedMemory;
import dev.microvm.linux.MemoryFile;
import dev.microvm.memory.GuestRam;
import dev.microvm.memory.RamBacking;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Opens the RAM of one machine by mmap(2). Not thread-safe: its machine guards it. */
final class KvmRam implements AutoCloseable {
    private final String name;
    private final Arena arena;
    private final List<MemoryFile> files = new ArrayList<>();

    /**
     * Makes one that has nothing open yet.
     *
     * @param name of the machine
     * @param arena in which all memory lives
     */
    KvmRam(String name, Arena arena) {
        this.name = name;
        this.arena = arena;
    }

    GuestRam open(RamBacking backing, long size) {
        List<String> problems = backing.problems(size);
        if (!problems.isEmpty()) throw new HypervisorException(String.join("; ", problems));
        try {
            return switch (backing) {
                case RamBacking.Anonymous anonymous -> new GuestRam(MappedMemory.anonymous(size, arena));
                case RamBacking.Shared shared -> inFile(size);
                case RamBacking.Forkable forkable -> inFile(size);
                case RamBacking.PrivateOf copy -> new GuestRam(MappedMemory.privateOf(copy.file(), size, arena));
            };
        } catch (ErrnoException e) {
            throw new HypervisorException("ram: the host refuses %d bytes: %s".formatted(size, e.getMessage()), e);
        }
    }

    private GuestRam inFile(long size) {
        MemoryFile file = new MemoryFile("microvm-" + name + "-ram", size);
        files.add(file);
        return new GuestRam(file.map(arena), Optional.of(file.path()));
    }

    /** Closes the files; what they mapped goes with the arena. */
    @Override
    public void close() {
        files.forEach(MemoryFile::close);
    }
}
