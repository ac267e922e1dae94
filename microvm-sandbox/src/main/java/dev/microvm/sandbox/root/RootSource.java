package dev.microvm.sandbox.root;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.boot.Initramfs;

/** Where a root comes from. */
sealed interface RootSource {
    /** What becomes an image of EROFS. */
    non-sealed interface Made extends RootSource {
        /** Looks at it. */
        RootFiles open(RootSettings settings);
    }

    /** A disk as it is. */
    record OnDisk(DiskImage image) implements RootSource {}

    /** An initial file system as it is. */
    record InMemory(Initramfs files) implements RootSource {}
}
