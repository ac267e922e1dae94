package dev.microvm.machine;

import dev.microvm.snapshot.DiskStamp;
import dev.microvm.snapshot.MachineState;
import dev.microvm.snapshot.SnapshotFolder;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** Writes a machine into a folder, and keeps its guest from running only as long as it must. */
public final class MachineSnapshot {
    private MachineSnapshot() {}

    /**
     * Takes this moment of a machine that is paused. If its RAM is in a file in memory, the guest may
     * run again while the result writes it; else all is written when this returns.
     *
     * @param folder must not exist, or be empty
     * @return writes what is not written yet; to be called once
     * @throws dev.microvm.model.SnapshotException if the folder cannot be written
     */
    public static Supplier<SnapshotFolder> take(Machine machine, Path folder) {
        MachineState state = machine.state();
        List<DiskStamp> disks = DiskStamp.all(state);
        Optional<RamImage> image = machine.forkIfInMemory();
        if (image.isPresent()) {
            long size = machine.ram().byteSize();
            return () -> write(state, disks, image.get(), size, folder);
        }
        SnapshotFolder written = SnapshotFolder.write(state, disks, machine.ram(), folder);
        return () -> written;
    }

    private static SnapshotFolder write(
            MachineState state, List<DiskStamp> disks, RamImage image, long size, Path folder) {
        try (image;
                Arena arena = Arena.ofConfined()) {
            return SnapshotFolder.write(state, disks, image.map(size, arena), folder);
        }
    }
}
