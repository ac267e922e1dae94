package dev.microvm.snapshot;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
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
    /** Returns the stamp of a file now. */
    static DiskStamp of(int slot, Path file) throws IOException {
        BasicFileAttributes found = Files.readAttributes(file, BasicFileAttributes.class);
        return new DiskStamp(slot, found.size(), found.lastModifiedTime().to(TimeUnit.NANOSECONDS));
    }
}
