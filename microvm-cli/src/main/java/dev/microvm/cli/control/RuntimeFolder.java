package dev.microvm.cli.control;

import dev.microvm.cli.CliException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The folder of the control sockets: {@code microvm} in {@code XDG_RUNTIME_DIR}, or, if that is not
 * set, a folder of the user's in the folder for temporary files. Nobody else may enter it.
 */
public final class RuntimeFolder {
    private static final Set<PosixFilePermission> PRIVATE = PosixFilePermissions.fromString("rwx------");

    private RuntimeFolder() {}

    /** Returns the folder, made if it is missing. */
    static Path open() {
        return open(System.getenv("XDG_RUNTIME_DIR"), Path.of(System.getProperty("java.io.tmpdir")));
    }

    /** Returns why there is none; empty if there is one. */
    public static Optional<String> problem() {
        try {
            open();
            return Optional.empty();
        } catch (CliException e) {
            return Optional.of(e.getMessage() + "; " + e.remedy());
        }
    }

    static Path open(@Nullable String runtime, Path temporary) {
        Path folder = runtime != null && !runtime.isEmpty()
                ? Path.of(runtime, "microvm")
                : temporary.resolve("microvm-" + System.getProperty("user.name"));
        try {
            try {
                Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(PRIVATE));
            } catch (FileAlreadyExistsException e) {
                requirePrivate(folder);
            }
            return folder;
        } catch (IOException | UnsupportedOperationException e) {
            throw new CliException(
                    "there can be no control sockets in %s: %s".formatted(folder, e),
                    "set XDG_RUNTIME_DIR to a folder of yours");
        }
    }

    /** Anybody may make a folder of this name in one that all may write. */
    private static void requirePrivate(Path folder) throws IOException {
        PosixFileAttributes attributes =
                Files.readAttributes(folder, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        boolean ours = attributes.owner().getName().equals(System.getProperty("user.name"));
        if (!attributes.isDirectory() || !ours || !attributes.permissions().equals(PRIVATE)) {
            throw new CliException(
                    "%s is not a folder that only %s may enter".formatted(folder, System.getProperty("user.name")),
                    "remove it, or set XDG_RUNTIME_DIR to a folder of yours");
        }
    }
}
