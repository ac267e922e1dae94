package dev.microvm.sandbox.root.source;

import dev.microvm.sandbox.root.tree.FileKind;
import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;

/**
 * A file of the host, as it was when it was listed.
 *
 * @param path where it is
 * @param name its raw name, relative to the root
 * @param attributes what stat(2) says
 */
record HostFile(Path path, String name, Map<String, Object> attributes) {
    private static final String ATTRIBUTES = "unix:mode,uid,gid,size,lastModifiedTime,ctime,rdev,nlink,ino,dev";

    /** Looks at a file, without following a link. */
    static HostFile of(Path path, String name) throws IOException {
        return new HostFile(path, name, Files.readAttributes(path, ATTRIBUTES, LinkOption.NOFOLLOW_LINKS));
    }

    /** The error of a file that cannot be read. */
    static RootContentException unreadable(Path path, Exception cause) {
        return new RootContentException(
                "%s cannot be read: %s".formatted(path, cause),
                "let this user read it, or make an archive of the directory as root",
                cause);
    }

    int number(String attribute) {
        return (Integer) value(attribute);
    }

    long longNumber(String attribute) {
        return (Long) value(attribute);
    }

    Instant time(String attribute) {
        return ((FileTime) value(attribute)).toInstant();
    }

    private Object value(String attribute) {
        return Objects.requireNonNull(attributes.get(attribute), attribute); // each file of Unix has it
    }

    FileKind kind() {
        return FileKind.of(number("mode"));
    }

    /** The major number of a device: gnu_dev_major of the C library's {@code <sys/sysmacros.h>}. */
    int major() {
        long device = longNumber("rdev");
        return (int) (((device >>> 8) & 0xFFF) | ((device >>> 32) & 0xFFFFF000L));
    }

    /** The minor number of a device: gnu_dev_minor there. */
    int minor() {
        long device = longNumber("rdev");
        return (int) ((device & 0xFF) | ((device >>> 12) & 0xFFFFFF00L));
    }
}
