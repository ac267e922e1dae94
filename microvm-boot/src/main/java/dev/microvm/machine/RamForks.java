package dev.microvm.machine;

import dev.microvm.error.MicroVmException;
import dev.microvm.linux.ErrnoException;
import dev.microvm.linux.LinuxHost;
import dev.microvm.linux.MappedMemory;
import dev.microvm.linux.PageMap;
import dev.microvm.memory.RamBacking;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Makes images of a machine's RAM that share with it what neither writes. The RAM becomes a private
 * copy of a base that nobody writes, once; from then on an image is that base, and a copy of the
 * pages that differ from it. So a fork costs what was written since, not the size of the RAM. For
 * one thread, while the machine is paused.
 */
final class RamForks {
    /** If more than one page in so many differs from the base, there is a new base. */
    private static final int NEW_BASE = 4;

    private final String machine;
    private final MemorySegment ram;
    private final RamBacking opened;
    private @Nullable FrozenRam frozen; // the base, if it was made here
    private @Nullable RamImage inherited; // the base, if it was there before

    /**
     * Makes one for RAM.
     *
     * @param opened what the RAM was made from
     * @param from what the machine continues, which has its base; null if it was booted
     */
    RamForks(String machine, MemorySegment ram, RamBacking opened, @Nullable RamImage from) {
        this.machine = machine;
        this.ram = ram;
        this.opened = opened;
        this.inherited = from;
    }

    /**
     * Returns the RAM as it is now.
     *
     * @throws MicroVmException if the host cannot do it
     */
    RamImage fork() {
        refuseWhatCannotBe();
        try {
            if (frozen == null && !(opened instanceof RamBacking.PrivateOf)) freeze();
            BitSet own = PageMap.ownPages(ram);
            if (own.cardinality() > ram.byteSize() / PageMap.pageSize() / NEW_BASE) {
                freeze();
                own = new BitSet();
            }
            RamBacking base = frozen == null ? opened : frozen.backing();
            Object kept = frozen == null ? inherited : frozen;
            return new Fork(base, kept, own, packed(own));
        } catch (IOException | ErrnoException e) {
            throw new MicroVmException("machine %s cannot be forked: %s".formatted(machine, e.getMessage()), e);
        }
    }

    private void refuseWhatCannotBe() {
        Optional<String> problem = LinuxHost.problem();
        if (problem.isPresent() || !LinuxHost.isX86()) {
            throw new MicroVmException(
                    "machine %s cannot be forked: that needs functions of Linux on x86-64 (%s): use snapshot and restore"
                            .formatted(machine, problem.orElse("this host has another processor")));
        }
        if (opened instanceof RamBacking.Shared) {
            throw new MicroVmException(
                    "machine %s cannot be forked: other processes can write its RAM: leave ram(shared()) out"
                            .formatted(machine));
        }
    }

    /** Copies the RAM to a new base, and lets it be a private copy of that. */
    private void freeze() throws IOException {
        FrozenRam made = new FrozenRam(machine, ram.byteSize());
        try (Arena arena = Arena.ofShared()) {
            MemorySegment to = made.file().map(arena);
            if (frozen == null && opened instanceof RamBacking.Anonymous) {
                copy(PageMap.ownPages(ram), to);
            } else {
                copy(written(), to);
            }
        }
        made.replace(ram);
        frozen = made;
        inherited = null;
    }

    /** Returns the pages that are not zero. */
    private BitSet written() {
        int size = PageMap.pageSize();
        MemorySegment zeros = MemorySegment.ofArray(new byte[size]);
        int pages = Math.toIntExact(ram.byteSize() / size);
        BitSet written = new BitSet(pages);
        for (int page = 0; page < pages; page++) {
            long at = (long) page * size;
            if (MemorySegment.mismatch(ram, at, at + size, zeros, 0, size) >= 0) written.set(page);
        }
        return written;
    }

    private void copy(BitSet pages, MemorySegment to) {
        long size = PageMap.pageSize();
        for (int from = pages.nextSetBit(0); from >= 0; ) {
            int end = pages.nextClearBit(from);
            MemorySegment.copy(ram, from * size, to, from * size, (end - from) * size);
            from = pages.nextSetBit(end);
        }
    }

    /** Returns copies of pages, one after the other. */
    private MemorySegment packed(BitSet pages) {
        long size = PageMap.pageSize();
        if (pages.isEmpty()) return MemorySegment.NULL;
        MemorySegment to = MappedMemory.anonymous(pages.cardinality() * size, Arena.ofAuto());
        long at = 0;
        for (int from = pages.nextSetBit(0); from >= 0; ) {
            int end = pages.nextClearBit(from);
            MemorySegment.copy(ram, from * size, to, at, (end - from) * size);
            at += (end - from) * size;
            from = pages.nextSetBit(end);
        }
        return to;
    }

    /**
     * RAM as it was at a fork.
     *
     * @param backing the base
     * @param kept what keeps the base there
     * @param pages those that differ from it
     * @param content of these pages, one after the other
     */
    private record Fork(RamBacking backing, @Nullable Object kept, BitSet pages, MemorySegment content)
            implements RamImage {
        @Override
        public void complete(MemorySegment ram) {
            long size = PageMap.pageSize();
            long at = 0;
            for (int from = pages.nextSetBit(0); from >= 0; ) {
                int end = pages.nextClearBit(from);
                MemorySegment.copy(content, at, ram, from * size, (end - from) * size);
                at += (end - from) * size;
                from = pages.nextSetBit(end);
            }
        }
    }
}
