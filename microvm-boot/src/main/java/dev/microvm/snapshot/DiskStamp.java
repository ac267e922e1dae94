package dev.microvm.snapshot;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.model.SnapshotException;
import dev.microvm.model.VirtioDeviceSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * How the file of a disk was that the guest writes: if it is different later, the guest's memory
 * and its disk do not fit together any more.
 *
 * @param slot of the disk among the virtio devices
 * @param size of the file in bytes
 * @param modifiedNanos when it was last written, in nanoseconds since 1970
 */
public record DiskStamp(int slot, long size, long modifiedNanos) {
    /**
     * Returns the stamps of all files of disks that a machine writes, as they are now.
     *
     * @throws SnapshotException if one cannot be read
     */
    public static List<DiskStamp> all(MachineState state) {
        List<DiskStamp> stamps = new ArrayList<>();
        List<VirtioDeviceSpec> devices = state.spec().devices().virtio();
        for (int slot = 0; slot < devices.size(); slot++) {
            if (!(devices.get(slot) instanceof VirtioDeviceSpec.Blk blk)) continue;
            DiskImage image = blk.disk().image();
            if (image.isReadOnly() || image.overlayLimit().isPresent()) continue;
            try {
                stamps.add(of(slot, image.path()));
            } catch (IOException e) {
                throw new SnapshotException("snapshot: the disk %s cannot be read: %s".formatted(image.path(), e), e);
            }
        }
        return stamps;
    }

    /** Returns the stamp of a file now. */
    static DiskStamp of(int slot, Path file) throws IOException {
        BasicFileAttributes found = Files.readAttributes(file, BasicFileAttributes.class);
        return new DiskStamp(slot, found.size(), found.lastModifiedTime().to(TimeUnit.NANOSECONDS));
    }
}
