package dev.microvm.machine;

import dev.microvm.memory.RamBacking;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.Optional;

/**
 * Which file there is under a name, and how it is: if another stamp is equal, it is the same file,
 * which nobody has written.
 *
 * @param key the host's number of the file, and of its file system
 * @param size in bytes
 * @param modified when it was last written
 */
record FileStamp(Object key, long size, FileTime modified) {
    /** Returns the stamp of the file that RAM is a private copy of; empty if there is none. */
    static Optional<FileStamp> ofBacking(RamBacking backing) {
        if (!(backing instanceof RamBacking.PrivateOf copy)) return Optional.empty();
        try {
            BasicFileAttributes found = Files.readAttributes(copy.file(), BasicFileAttributes.class);
            return Optional.ofNullable(found.fileKey())
                    .map(key -> new FileStamp(key, found.size(), found.lastModifiedTime()));
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
