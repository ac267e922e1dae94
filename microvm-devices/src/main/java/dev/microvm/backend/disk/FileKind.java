package dev.microvm.backend.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Whether a path can be a disk image: a regular file or a block device, so it has positions and a size. */
final class FileKind {
    // st_mode: inode(7)
    private static final int TYPE = 0170000;
    private static final int BLOCK_DEVICE = 0060000;
    private static final int CHARACTER_DEVICE = 0020000;
    private static final int FIFO = 0010000;
    private static final int SOCKET = 0140000;

    private FileKind() {}

    /**
     * Returns what is wrong with a path, with the remedy; null if nothing is. Opens nothing: opening
     * a FIFO waits for its other end.
     */
    static @Nullable String problem(Path path) {
        if (Files.notExists(path)) return "there is no such file; make it, or correct the path";
        if (!Files.exists(path)) return "it cannot be looked at; let this user search the folders above it";
        if (Files.isRegularFile(path)) return null;
        if (Files.isDirectory(path)) return "it is a directory; name the image file in it";
        return switch (mode(path) & TYPE) {
            case BLOCK_DEVICE, 0 -> null;
            case FIFO -> unusable("a FIFO");
            case SOCKET -> unusable("a socket");
            case CHARACTER_DEVICE -> unusable("a character device");
            default -> unusable("a special file");
        };
    }

    private static String unusable(String what) {
        return "it is " + what + "; a disk image is a regular file or a block device";
    }

    /** Returns st_mode, 0 where the host has none. */
    private static int mode(Path path) {
        try {
            return (int) Files.getAttribute(path, "unix:mode");
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return 0;
        }
    }
}
