package dev.microvm.snapshot;

import dev.microvm.memory.RamBacking;
import dev.microvm.model.SnapshotException;
import dev.microvm.model.VirtioDeviceSpec;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A snapshot in a folder: {@code manifest} and {@code memory}. It appears under its name when it is
 * complete, by one rename. It has all RAM, or the pages that differ from another snapshot, its base,
 * which may have a base as well. Immutable; any thread may call.
 */
public final class SnapshotFolder {
    private static final String MANIFEST = "manifest";
    private static final String MEMORY = "memory";

    /** Most snapshots of a chain: each is one more file to open. */
    private static final int LONGEST_CHAIN = 128;

    private final Path folder;
    private final Manifest manifest;
    private final String identity;
    private final @Nullable SnapshotFolder base;

    private SnapshotFolder(Path folder, Manifest manifest, String identity, @Nullable SnapshotFolder base) {
        this.folder = folder;
        this.manifest = manifest;
        this.identity = identity;
        this.base = base;
    }

    /**
     * Writes a machine into a new folder, which only this user can read.
     *
     * @param disks of that moment: {@link DiskStamp#all}
     * @param ram all RAM, which stands still meanwhile
     * @param folder must not exist, or be empty; its parent must exist
     * @throws SnapshotException if it cannot be written; then nothing is left of it
     */
    public static SnapshotFolder write(MachineState state, List<DiskStamp> disks, MemorySegment ram, Path folder) {
        Path target = folder.toAbsolutePath();
        return NewFolder.make(target, made -> {
            long[] checksums = MemoryFile.write(ram, made.resolve(MEMORY));
            Manifest manifest = new Manifest(state, ram.byteSize(), list(checksums), disks, Optional.empty());
            return written(manifest, made, target, null);
        });
    }

    /**
     * Writes a machine into a new folder as {@link #write}, but of its RAM only what differs from
     * that of another snapshot.
     *
     * @param candidates the pages of 4 KiB that may differ
     * @throws SnapshotException if that is of a machine with more or less RAM, or cannot be read
     */
    public static SnapshotFolder writeDiff(
            MachineState state, MemorySegment ram, SnapshotFolder base, BitSet candidates, Path folder) {
        Path target = folder.toAbsolutePath();
        base.requireBaseFor(ram.byteSize());
        BitSet all = (BitSet) candidates.clone();
        all.or(base.pagesAboveWhole());
        return NewFolder.make(target, made -> {
            MemoryDiff diff;
            try (MemoryLayers layers = base.layers()) {
                diff = MemoryDiff.write(ram, all, layers, base.manifest.checksumArray(), made.resolve(MEMORY));
            }
            Manifest manifest = new Manifest(
                    state,
                    ram.byteSize(),
                    diff.checksums(),
                    DiskStamp.all(state),
                    Optional.of(DiffBase.of(base, target, diff.pages())));
            return written(manifest, made, target, base);
        });
    }

    private void requireBaseFor(long ramSize) {
        if (manifest.memorySize() != ramSize) {
            throw new SnapshotException(
                    "snapshot: %s has %d bytes of RAM and the machine has %d: give one of such a machine"
                            .formatted(folder, manifest.memorySize(), ramSize));
        }
        if (chain().size() >= LONGEST_CHAIN) {
            throw new SnapshotException("snapshot: %s is the last of a chain of %d, the longest that there is: merge it"
                    .formatted(folder, LONGEST_CHAIN));
        }
    }

    private static SnapshotFolder written(Manifest manifest, Path made, Path target, @Nullable SnapshotFolder base)
            throws IOException {
        String identity = ManifestFile.write(manifest, made.resolve(MANIFEST));
        return new SnapshotFolder(target, manifest, identity, base);
    }

    private static List<Long> list(long[] checksums) {
        return Arrays.stream(checksums).boxed().toList();
    }

    /** Returns how many bytes a snapshot has with the holes in its RAM; 0 if there is none. */
    static long size(Path folder) throws IOException {
        long size = 0;
        for (String name : List.of(MEMORY, MANIFEST)) {
            Path file = folder.resolve(name);
            if (Files.exists(file)) size += Files.size(file);
        }
        return size;
    }

    /** Deletes a snapshot, if there is one, as far as that is possible. */
    static void delete(Path folder) {
        NewFolder.delete(folder);
    }

    /**
     * Opens a snapshot and those that it stands on. Reads their manifests and no RAM.
     *
     * @throws SnapshotException if there is none, one of them is of a newer version, or damaged as
     *     far as can be seen, or a base is missing or another snapshot
     */
    public static SnapshotFolder open(Path folder) {
        Path from = folder.toAbsolutePath();
        return open(from, ManifestFile.read(from.resolve(MANIFEST)), LONGEST_CHAIN);
    }

    private static SnapshotFolder open(Path from, ManifestFile.Opened opened, int left) {
        Manifest manifest = opened.manifest();
        Path memory = from.resolve(MEMORY);
        RamBacking.privateOf(memory).problems(manifest.memorySize()).stream()
                .findFirst()
                .ifPresent(problem -> {
                    throw new SnapshotException("snapshot: " + problem);
                });
        SnapshotFolder base =
                manifest.base().map(link -> openBase(from, link, left - 1)).orElse(null);
        if (base != null && base.manifest.memorySize() != manifest.memorySize()) {
            throw new SnapshotException(
                    "snapshot: %s has more or less RAM than its base %s".formatted(from, base.folder));
        }
        return new SnapshotFolder(from, manifest, opened.identity(), base);
    }

    private static SnapshotFolder openBase(Path folder, DiffBase link, int left) {
        Path from = link.from(folder);
        if (left == 0) {
            throw new SnapshotException(
                    "snapshot: %s stands on more than %d others: merge one of them".formatted(folder, LONGEST_CHAIN));
        }
        if (!Files.exists(from.resolve(MANIFEST))) {
            throw new SnapshotException(
                    "snapshot: %s has only the RAM that differs from %s, which is missing: put that back there"
                            .formatted(folder, from));
        }
        ManifestFile.Opened opened = ManifestFile.read(from.resolve(MANIFEST));
        if (!opened.identity().equals(link.identity())) {
            throw new SnapshotException(
                    "snapshot: %s has only the RAM that differs from %s, where another snapshot is now: put back the one of that time"
                            .formatted(folder, from));
        }
        return open(from, opened, left);
    }

    /** Returns the snapshots of the chain, the whole one first and this one last. */
    private List<SnapshotFolder> chain() {
        List<SnapshotFolder> chain = new ArrayList<>();
        for (SnapshotFolder each = this; each != null; each = each.base) chain.addFirst(each);
        return chain;
    }

    private MemoryLayers layers() throws IOException {
        List<SnapshotFolder> chain = chain();
        MemoryLayers layers = new MemoryLayers(chain.getFirst().file());
        for (SnapshotFolder each : chain.subList(1, chain.size())) layers.add(each.file(), each.ownPages());
        return layers;
    }

    private BitSet ownPages() {
        return manifest.base().map(DiffBase::changed).orElseGet(BitSet::new);
    }

    /** Returns the pages that may differ from the RAM of the whole one. */
    private BitSet pagesAboveWhole() {
        BitSet pages = new BitSet();
        for (SnapshotFolder each : chain()) pages.or(each.ownPages());
        return pages;
    }

    private Path file() {
        return folder.resolve(MEMORY);
    }

    /**
     * Reads all RAM and compares it with its checksums.
     *
     * @throws SnapshotException if a part is damaged
     */
    public void verify() {
        eachChunk((number, content) -> {});
    }

    /** Gets chunks of RAM that are not all zero, one after the other. */
    @FunctionalInterface
    private interface ChunkReader {
        void chunk(int number, MemorySegment content) throws IOException;
    }

    /** Reads all RAM, and throws if a chunk does not have its checksum. */
    private void eachChunk(ChunkReader reader) {
        long[] checksums = manifest.checksumArray();
        try (MemoryLayers layers = layers();
                Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(MemoryFile.CHUNK);
            for (int i = 0; i < checksums.length; i++) {
                long at = (long) i * MemoryFile.CHUNK;
                MemorySegment chunk = buffer.asSlice(0, Math.min(MemoryFile.CHUNK, manifest.memorySize() - at));
                layers.read(at, chunk);
                if (MemoryFile.checksum(chunk) != checksums[i]) throw damaged(file(), at);
                if (checksums[i] != MemoryFile.ALL_ZERO) reader.chunk(i, chunk);
            }
        } catch (IOException e) {
            throw new SnapshotException("snapshot: %s cannot be read: %s".formatted(folder, e), e);
        }
    }

    /**
     * Writes the same machine into a new folder, with all of its RAM.
     *
     * @throws SnapshotException if it cannot be written, or this is damaged; then nothing is left of
     *     it
     */
    public SnapshotFolder merge(Path into) {
        Path target = into.toAbsolutePath();
        return NewFolder.make(target, made -> {
            try (MemoryFile to = new MemoryFile(made.resolve(MEMORY))) {
                eachChunk((number, content) -> to.write(content, (long) number * MemoryFile.CHUNK));
                to.extend(manifest.memorySize());
            }
            return written(manifest.whole(), made, target, null);
        });
    }

    /**
     * Returns what has changed about the disks since, each problem with its remedy; empty if
     * nothing has.
     *
     * @param slot of the disk among the virtio devices
     */
    public List<String> diskProblems(int slot) {
        List<String> problems = new ArrayList<>();
        for (DiskStamp before : manifest.disks()) {
            if (before.slot() != slot) continue;
            if (!(state().spec().devices().virtio().get(slot) instanceof VirtioDeviceSpec.Blk blk)) continue;
            Path file = blk.disk().image().path();
            try {
                if (before.equals(DiskStamp.of(slot, file))) continue;
                problems.add(("%s has been written since the snapshot, so the guest's memory does not fit to it: give"
                                + " a copy of that time by disk(...), or take snapshots of machines with overlay()")
                        .formatted(file));
            } catch (IOException e) {
                problems.add("%s cannot be read: %s".formatted(file, e));
            }
        }
        return problems;
    }

    /**
     * Writes the same machine, with all of its RAM, into one compressed file, which appears when it is
     * complete and which only this user can read.
     *
     * @param into must not exist
     * @throws SnapshotException as {@link #merge}
     */
    public void pack(Path into) {
        Path target = into.toAbsolutePath();
        NewFolder.makeFile(target, made -> {
            try (SnapshotArchive.Writer to = new SnapshotArchive.Writer(made)) {
                // As it is, if it can be, so that the identity stays
                to.manifest(
                        base == null
                                ? Files.readAllBytes(folder.resolve(MANIFEST))
                                : ManifestFile.bytes(manifest.whole()));
                eachChunk(to::chunk);
            }
        });
    }

    /**
     * Writes the snapshot in a file of {@link #pack} into a new folder.
     *
     * @param folder must not exist, or be empty
     * @throws SnapshotException if there is none, it is damaged, or cannot be written; then nothing
     *     is left of it
     */
    public static SnapshotFolder unpack(Path from, Path folder) {
        Path target = folder.toAbsolutePath();
        return NewFolder.make(target, made -> {
            try (SnapshotArchive.Reader archive = new SnapshotArchive.Reader(from);
                    MemoryFile to = new MemoryFile(made.resolve(MEMORY));
                    Arena arena = Arena.ofConfined()) {
                byte[] content = archive.manifest(ManifestFile.largest());
                ManifestFile.Opened opened = ManifestFile.read(from, content);
                Manifest manifest = opened.manifest();
                if (manifest.base().isPresent()) throw new SnapshotException("snapshot: %s has a base".formatted(from));
                long[] checksums = manifest.checksumArray();
                MemorySegment buffer = arena.allocate(MemoryFile.CHUNK);
                for (int i = 0; i < checksums.length; i++) {
                    if (checksums[i] == MemoryFile.ALL_ZERO) continue;
                    long at = (long) i * MemoryFile.CHUNK;
                    MemorySegment chunk = buffer.asSlice(0, Math.min(MemoryFile.CHUNK, manifest.memorySize() - at));
                    archive.chunk(i, chunk);
                    if (MemoryFile.checksum(chunk) != checksums[i]) throw damaged(from, at);
                    to.write(chunk, at);
                }
                to.extend(manifest.memorySize());
                Files.write(made.resolve(MANIFEST), content);
                return new SnapshotFolder(target, manifest, opened.identity(), null);
            } catch (IOException | IllegalArgumentException | UnsupportedOperationException e) { // of java.util.zip
                throw new SnapshotException("snapshot: %s cannot be unpacked: %s".formatted(from, e), e);
            }
        });
    }

    private static SnapshotException damaged(Path file, long at) {
        return new SnapshotException(
                "snapshot: %s is damaged between bytes 0x%x and 0x%x: copy the folder again, or take the snapshot again"
                        .formatted(file, at, at + MemoryFile.CHUNK));
    }

    /** Returns the folder. */
    public Path path() {
        return folder;
    }

    /** Returns the snapshot that this one stands on; null if it has all RAM. */
    public @Nullable SnapshotFolder base() {
        return base;
    }

    /** Returns what no other snapshot has: a hash of the manifest, and so of all RAM's checksums. */
    String identity() {
        return identity;
    }

    /** Returns the machine without its RAM. */
    public MachineState state() {
        return manifest.state();
    }

    /** Returns the RAM that the machine's is made from by {@link #complete}. */
    public RamBacking memory() {
        return RamBacking.privateOf(chain().getFirst().file());
    }

    /**
     * Puts what differs into RAM that was made from {@link #memory}.
     *
     * @throws SnapshotException if it cannot be read
     */
    public void complete(MemorySegment ram) {
        if (base == null) return;
        try (MemoryLayers layers = layers()) {
            layers.complete(ram);
        } catch (IOException e) {
            throw new SnapshotException("snapshot: %s cannot be read: %s".formatted(folder, e), e);
        }
    }
}
