package dev.microvm.snapshot;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.SnapshotException;
import dev.microvm.model.VirtioDeviceSpec;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A snapshot in a folder: {@code manifest} and {@code memory}. It appears under its name when it is
 * complete, by one rename. Immutable; any thread may call.
 */
public final class SnapshotFolder {
    private static final String MANIFEST = "manifest";
    private static final String MEMORY = "memory";
    private static final String UNFINISHED = ".unfinished";
    private static final AtomicLong WRITTEN = new AtomicLong();

    private final Path folder;
    private final Manifest manifest;

    private SnapshotFolder(Path folder, Manifest manifest) {
        this.folder = folder;
        this.manifest = manifest;
    }

    /**
     * Writes a machine into a new folder, which only this user can read.
     *
     * @param folder must not exist, or be empty; its parent must exist
     * @param ram all RAM, which stands still meanwhile
     * @throws SnapshotException if it cannot be written; then nothing is left of it
     */
    public static SnapshotFolder write(MachineState state, MemorySegment ram, Path folder) {
        Path target = folder.toAbsolutePath();
        Path parent = requireFree(target);
        deleteUnfinished(parent, target.getFileName().toString());
        Path made = parent.resolve(unfinished(
                        target.getFileName().toString(), ProcessHandle.current().pid())
                + WRITTEN.incrementAndGet());
        try {
            Files.createDirectory(made, forThisUser());
            long[] checksums = MemoryFile.write(ram, made.resolve(MEMORY));
            List<Long> all = Arrays.stream(checksums).boxed().toList();
            Manifest manifest = new Manifest(state, ram.byteSize(), all, stamps(state));
            ManifestFile.write(manifest, made.resolve(MANIFEST));
            Files.move(made, target, StandardCopyOption.ATOMIC_MOVE);
            return new SnapshotFolder(target, manifest);
        } catch (IOException e) {
            delete(made);
            throw new SnapshotException("snapshot: %s cannot be written: %s".formatted(target, e), e);
        } catch (RuntimeException | Error e) {
            delete(made);
            throw e;
        }
    }

    private static Path requireFree(Path target) {
        Path parent = target.getParent();
        if (parent == null || !Files.isDirectory(parent)) {
            throw new SnapshotException("snapshot: %s must be in a folder that exists".formatted(target));
        }
        if (!isFree(target)) {
            throw new SnapshotException(
                    "snapshot: %s exists: give another folder, or delete it before".formatted(target));
        }
        return parent;
    }

    private static boolean isFree(Path target) {
        if (!Files.exists(target)) return true;
        if (!Files.isDirectory(target)) return false;
        try (DirectoryStream<Path> content = Files.newDirectoryStream(target)) {
            return !content.iterator().hasNext();
        } catch (IOException e) {
            throw new SnapshotException("snapshot: %s cannot be read: %s".formatted(target, e), e);
        }
    }

    private static String unfinished(String name, long process) {
        return unfinished(name) + process + "-";
    }

    private static String unfinished(String name) {
        return "." + name + UNFINISHED + "-";
    }

    /** Deletes what processes left that ended while they wrote a snapshot of this name. */
    private static void deleteUnfinished(Path parent, String name) {
        String prefix = unfinished(name);
        try (DirectoryStream<Path> all =
                Files.newDirectoryStream(parent, prefix.replaceAll("([*?\\[{\\\\])", "\\\\$1") + "*")) {
            for (Path each : all) {
                String process = each.getFileName().toString().substring(prefix.length());
                int end = process.indexOf('-');
                if (end > 0 && !isAlive(process.substring(0, end))) delete(each);
            }
        } catch (IOException e) {
            // They stay: nobody takes them for snapshots.
        }
    }

    private static boolean isAlive(String process) {
        try {
            return ProcessHandle.of(Long.parseLong(process)).isPresent();
        } catch (NumberFormatException e) {
            return true; // not one of ours
        }
    }

    private static FileAttribute<?>[] forThisUser() {
        return FileSystems.getDefault().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
                }
                : new FileAttribute<?>[0];
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
        try {
            Files.deleteIfExists(folder.resolve(MEMORY));
            Files.deleteIfExists(folder.resolve(MANIFEST));
            Files.deleteIfExists(folder);
        } catch (IOException e) {
            // The next snapshot of this name tries again.
        }
    }

    /** The files of the disks that the guest writes. */
    private static List<DiskStamp> stamps(MachineState state) throws IOException {
        List<DiskStamp> stamps = new ArrayList<>();
        List<VirtioDeviceSpec> devices = state.spec().devices().virtio();
        for (int slot = 0; slot < devices.size(); slot++) {
            if (!(devices.get(slot) instanceof VirtioDeviceSpec.Blk blk)) continue;
            DiskImage image = blk.disk().image();
            if (!image.isReadOnly() && image.overlayLimit().isEmpty()) stamps.add(DiskStamp.of(slot, image.path()));
        }
        return stamps;
    }

    /**
     * Opens a snapshot. Reads the manifest and no RAM.
     *
     * @throws SnapshotException if there is none, it is of a newer version, or damaged as far as
     *     can be seen
     */
    public static SnapshotFolder open(Path folder) {
        Path from = folder.toAbsolutePath();
        SnapshotFolder opened = new SnapshotFolder(from, ManifestFile.read(from.resolve(MANIFEST)));
        opened.ramProblems().stream().findFirst().ifPresent(problem -> {
            throw new SnapshotException("snapshot: " + problem);
        });
        return opened;
    }

    private List<String> ramProblems() {
        return memory().problems(manifest.memorySize());
    }

    /**
     * Reads all RAM and compares it with its checksums.
     *
     * @throws SnapshotException if a part is damaged
     */
    public void verify() {
        Path file = folder.resolve(MEMORY);
        int chunk;
        try {
            chunk = MemoryFile.firstDamaged(file, manifest.checksumArray());
        } catch (IOException e) {
            throw new SnapshotException("snapshot: %s cannot be read: %s".formatted(file, e), e);
        }
        if (chunk < 0) return;
        throw new SnapshotException(
                "snapshot: %s is damaged between bytes 0x%x and 0x%x: copy the folder again, or take the snapshot again"
                        .formatted(file, (long) chunk * MemoryFile.CHUNK, (chunk + 1L) * MemoryFile.CHUNK));
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

    /** Returns the folder. */
    public Path path() {
        return folder;
    }

    /** Returns the machine without its RAM. */
    public MachineState state() {
        return manifest.state();
    }

    /** Returns the machine's RAM. */
    public RamBacking memory() {
        return RamBacking.privateOf(folder.resolve(MEMORY));
    }
}
