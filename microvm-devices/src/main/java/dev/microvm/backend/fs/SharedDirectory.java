package dev.microvm.backend.fs;

import dev.microvm.linux.LinuxHost;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * A directory of the host for guests to use, with all that is below it. Immutable: each method
 * returns a changed copy. Opens nothing before the machine starts.
 *
 * <p>A guest reaches nothing outside of the directory: its symbolic links are the guest's to
 * follow, never the host's. Several machines and programs of the host may use one directory at the
 * same time; each sees the changes of the others within a second.
 *
 * @param path the directory; it must exist, on Linux
 * @param isReadOnly whether the guest's changes are refused
 */
public record SharedDirectory(Path path, boolean isReadOnly) {
    /** Refuses null. */
    public SharedDirectory {
        Objects.requireNonNull(path, "path: null; give the path of a directory");
    }

    /** Describes a directory that the guest may change. */
    public static SharedDirectory of(Path path) {
        return new SharedDirectory(path, /* isReadOnly= */ false);
    }

    /** Refuses all changes: the guest gets EROFS. */
    public SharedDirectory readOnly() {
        return new SharedDirectory(path, /* isReadOnly= */ true);
    }

    /** Returns what is wrong with this description now; empty if nothing is. */
    public List<String> problems() {
        if (LinuxHost.problem().isPresent()) {
            return List.of("directories are shared on Linux only: "
                    + LinuxHost.problem().get());
        }
        if (Files.isDirectory(path)) return List.of();
        String wrong = Files.exists(path) ? "is not a directory" : "does not exist";
        return List.of("%s %s: give the path of a directory".formatted(path, wrong));
    }

    @Override
    public String toString() {
        return isReadOnly ? path + ", read-only" : path.toString();
    }
}
