package dev.microvm.machine;

import dev.microvm.error.MicroVmException;
import dev.microvm.linux.ErrnoException;
import dev.microvm.linux.LinuxHost;
import dev.microvm.linux.PageMap;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.memory.GuestRam;
import dev.microvm.memory.RamBacking;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes images of a machine's RAM that share with it what neither writes. The RAM becomes a private
 * copy of a base that nobody writes, once; from then on an image is that base, and a copy of the
 * pages that differ from it. So a fork costs what was written since, not the size of the RAM. If the
 * RAM is in a file from the start, that file is the first base, and nothing is copied.
 *
 * <p>For one thread, while the machine is paused.
 */
final class RamForks implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(RamForks.class);

    /** If more than one page in so many differs from the base, there is a new base. */
    private static final int NEW_BASE = 4;

    private final String machine;
    private final GuestRam guestRam;
    private final MemorySegment ram;
    private final RamBacking opened;
    private final Optional<Path> file; // that the RAM is in
    private final List<Thread> freeing = new ArrayList<>(); // each frees what a base has replaced
    private final Optional<FileStamp> made; // how the file was that the RAM is a private copy of
    private @Nullable FrozenRam base; // held; null if it is no file in memory, or not there yet

    /**
     * Makes one for RAM.
     *
     * @param opened what the RAM was made from
     * @param base what it is a private copy of, if that is a file in memory; {@link #close} lets it go
     */
    RamForks(String machine, GuestRam ram, RamBacking opened, @Nullable FrozenRam base) {
        this.machine = machine;
        this.guestRam = ram;
        this.ram = ram.segment();
        this.opened = opened;
        this.file = opened instanceof RamBacking.Forkable ? ram.sharedFile() : Optional.empty();
        this.made = base == null ? FileStamp.ofBacking(opened) : Optional.empty();
        this.base = base;
    }

    /**
     * Returns the pages of 4 KiB that may differ from a backing's content. If the RAM is a private
     * copy of that file, these are the pages that are the process's own; else all.
     */
    BitSet pagesUnlike(RamBacking backing) {
        boolean copy = base == null
                && opened instanceof RamBacking.PrivateOf
                && opened.equals(backing)
                && made.isPresent()
                && made.equals(FileStamp.ofBacking(backing));
        if (copy && LinuxHost.problem().isEmpty() && PageMap.pageSize() == GuestMemoryRegion.PAGE_SIZE) {
            try {
                return PageMap.ownPages(ram);
            } catch (IOException e) {
                log.debug("machine {}: all RAM is compared: {}", machine, e.toString());
            }
        }
        BitSet all = new BitSet();
        all.set(0, Math.toIntExact(ram.byteSize() / GuestMemoryRegion.PAGE_SIZE));
        return all;
    }

    /** Returns the RAM that it makes images of. */
    GuestRam ram() {
        return guestRam;
    }

    /**
     * Returns the RAM as it is now, which the caller closes.
     *
     * @throws MicroVmException if the host cannot do it
     */
    RamImage fork() {
        refuseWhatCannotBe();
        try {
            Optional<RamImage> shared = shared();
            if (shared.isPresent()) return shared.get();
            freezeCopy();
            return image(new BitSet());
        } catch (IOException | ErrnoException e) {
            throw new MicroVmException("machine %s cannot be forked: %s".formatted(machine, e.getMessage()), e);
        }
    }

    /**
     * Returns the RAM as it is now, which the caller closes, if it is in a file in memory and little
     * of it differs from that: so it takes no time for the rest. Else empty.
     *
     * @throws MicroVmException if the host cannot do it
     */
    Optional<RamImage> forkIfInMemory() {
        if (base == null && file.isEmpty()) return Optional.empty();
        try {
            return shared();
        } catch (IOException | ErrnoException e) {
            throw new MicroVmException(
                    "machine %s: its RAM cannot be shared: %s".formatted(machine, e.getMessage()), e);
        }
    }

    /** Returns an image of what the RAM is a copy of and what differs; empty if there is no such, or much differs. */
    private Optional<RamImage> shared() throws IOException {
        if (base == null && file.isPresent()) {
            become(FrozenRam.ofFile(file.get(), ram.byteSize()));
            return Optional.of(image(new BitSet()));
        }
        if (base == null && !(opened instanceof RamBacking.PrivateOf)) return Optional.empty();
        BitSet own = PageMap.ownPages(ram);
        long most = ram.byteSize() / PageMap.pageSize() / NEW_BASE;
        return own.cardinality() <= most ? Optional.of(image(own)) : Optional.empty();
    }

    private RamImage image(BitSet own) {
        return RamImage.of(base == null ? opened : base.backing(), base, ram, own);
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
    private void freezeCopy() throws IOException {
        FrozenRam made = FrozenRam.ofZeros(machine, ram.byteSize());
        try (Arena arena = Arena.ofShared()) {
            copy(mayBeWritten(), made.file().map(arena));
        } catch (IOException | RuntimeException | Error e) {
            made.letGo();
            throw e;
        }
        become(made);
    }

    /** Lets the RAM be a private copy of a base with the same content. */
    private void become(FrozenRam made) {
        Runnable frees = made.replace(ram);
        if (base != null) base.letGo();
        base = made;
        freeing.removeIf(thread -> !thread.isAlive());
        freeing.add(Thread.ofPlatform()
                .name("microvm-" + machine + "-free")
                .daemon()
                .start(frees));
    }

    /** Returns the pages that may differ from zero. */
    private BitSet mayBeWritten() throws IOException {
        if (opened instanceof RamBacking.PrivateOf && base == null) return notZero();
        BitSet pages = PageMap.ownPages(ram);
        if (base != null) pages.or(base.file().written());
        return pages;
    }

    private BitSet notZero() {
        int size = PageMap.pageSize();
        MemorySegment zeros = MemorySegment.ofArray(new byte[size]);
        int pages = Math.toIntExact(ram.byteSize() / size);
        BitSet found = new BitSet(pages);
        for (int page = 0; page < pages; page++) {
            long at = (long) page * size;
            if (MemorySegment.mismatch(ram, at, at + size, zeros, 0, size) >= 0) found.set(page);
        }
        return found;
    }

    private void copy(BitSet pages, MemorySegment to) {
        long size = PageMap.pageSize();
        for (int from = pages.nextSetBit(0); from >= 0; ) {
            int end = pages.nextClearBit(from);
            MemorySegment.copy(ram, from * size, to, from * size, (end - from) * size);
            from = pages.nextSetBit(end);
        }
    }

    /** Lets the base go; the images stay. Waits until what was replaced is freed. */
    @Override
    public void close() {
        freeing.forEach(RamForks::join);
        freeing.clear();
        if (base != null) base.letGo();
        base = null;
    }

    /** A join that an interrupt does not end: the thread needs milliseconds. */
    private static void join(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
    }
}
