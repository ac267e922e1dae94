package dev.microvm;

import dev.microvm.machine.RamImage;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.SnapshotException;
import dev.microvm.snapshot.SnapshotFolder;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;

/**
 * A machine at one moment, in a folder. Any number of machines can continue from it, at the same
 * time too; none of them writes to it.
 *
 * <pre>{@code
 * Snapshot warm = vm.snapshot(Path.of("warm"));
 * try (MicroVm copy = warm.restore().name("copy").start()) {
 *     copy.console().type("...");
 * }
 * }</pre>
 *
 * <p>Immutable; any thread may call. The folder must stay as it is while a machine that continues
 * from it runs: its RAM is read from there when the guest touches it.
 */
public final class Snapshot {
    private final SnapshotFolder folder;

    Snapshot(SnapshotFolder folder) {
        this.folder = folder;
    }

    /**
     * Opens the snapshot in a folder. Reads no RAM: {@link #verify} does.
     *
     * @throws SnapshotException if there is none, it was written by a newer version of microvm, or
     *     it is damaged as far as can be seen
     */
    public static Snapshot open(Path folder) {
        Objects.requireNonNull(folder, "folder");
        return new Snapshot(SnapshotFolder.open(folder));
    }

    /** Returns the folder. */
    public Path folder() {
        return folder.path();
    }

    /** Returns when it was taken, by the host's clock. */
    public Instant takenAt() {
        return folder.state().takenAt();
    }

    /** Returns the name of the hypervisor that ran the machine: {@code "kvm"} or {@code "engine"}. */
    public String hypervisor() {
        return folder.state().hypervisor();
    }

    /**
     * Returns the machine as data. It is without initial file system and modules, which are in its
     * RAM.
     */
    public MachineSpec spec() {
        return folder.state().spec();
    }

    /**
     * Returns the folder of the snapshot that this one stands on; empty if it has all RAM: see {@link
     * MicroVm#snapshotDiff}.
     */
    public Optional<Path> base() {
        return Optional.ofNullable(folder.base()).map(SnapshotFolder::path);
    }

    /**
     * Writes the same moment into another folder, with all of the RAM, so that it needs no base.
     * Reads all RAM and compares it with its checksums.
     *
     * @param into must not exist, or be empty
     * @throws SnapshotException if it cannot be written, or this snapshot is damaged; then nothing is
     *     left of it
     */
    public Snapshot merge(Path into) {
        Objects.requireNonNull(into, "into");
        return new Snapshot(folder.merge(into));
    }

    /**
     * Writes the same moment, with all of the RAM, into one compressed file, to be moved: {@link
     * #unpack} makes a folder of it. Checks all checksums. The file appears when it is complete, and
     * only this user can read it.
     *
     * @param file must not exist
     * @throws SnapshotException if it cannot be written, or this snapshot is damaged; then nothing is
     *     left of it
     */
    public void pack(Path file) {
        Objects.requireNonNull(file, "file");
        folder.pack(file);
    }

    /**
     * Writes the snapshot in a file that {@link #pack} wrote into a new folder, and checks all its
     * checksums.
     *
     * @param folder must not exist, or be empty
     * @throws SnapshotException if the file is none, is damaged, or of a newer version of microvm, or
     *     the folder cannot be written; then nothing is left of it
     */
    public static Snapshot unpack(Path file, Path folder) {
        Objects.requireNonNull(file, "file");
        Objects.requireNonNull(folder, "folder");
        return new Snapshot(SnapshotFolder.unpack(file, folder));
    }

    SnapshotFolder content() {
        return folder;
    }

    /**
     * Reads all of the snapshot and compares it with its checksums.
     *
     * @throws SnapshotException if a part is damaged; the message says which
     */
    public void verify() {
        folder.verify();
    }

    /** Begins the description of a machine that continues from here. */
    public RestoreBuilder restore() {
        return new RestoreBuilder(
                folder.state(), RamImage.of(folder.memory(), folder::complete), null, folder::diskProblems);
    }

    @Override
    public String toString() {
        return "snapshot %s of %s".formatted(folder.path(), takenAt());
    }
}
