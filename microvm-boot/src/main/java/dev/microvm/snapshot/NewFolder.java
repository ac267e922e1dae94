package dev.microvm.snapshot;

import dev.microvm.model.SnapshotException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;

/**
 * Makes a folder of files that appears under its name when it is complete, by one rename, and that
 * only this user can read. What a killed process leaves is deleted when the same name is made again.
 */
final class NewFolder {
    private static final String UNFINISHED = ".unfinished";
    private static final String FILE = "file";
    private static final AtomicLong MADE = new AtomicLong();

    private NewFolder() {}

    /** Writes the files of a folder. */
    @FunctionalInterface
    interface Content<T> {
        /** Writes them into a folder that is empty, and returns the result of {@link #make}. */
        T write(Path folder) throws IOException;
    }

    /**
     * Makes a folder.
     *
     * @param target must not exist, or be empty; its parent must exist
     * @throws SnapshotException if it cannot be made; then nothing is left of it
     */
    static <T> T make(Path target, Content<T> content) {
        return make(target, folder -> folder, content);
    }

    /** Makes a folder, of which a part appears as the target. */
    private static <T> T make(Path target, UnaryOperator<Path> part, Content<T> content) {
        Path parent = requireFree(target);
        String name = target.getFileName().toString();
        deleteUnfinished(parent, name);
        Path made = parent.resolve(prefix(name) + ProcessHandle.current().pid() + "-" + MADE.incrementAndGet());
        try {
            Files.createDirectory(made, forThisUser("rwx------"));
            T result = content.write(made);
            Files.move(part.apply(made), target, StandardCopyOption.ATOMIC_MOVE);
            delete(made); // if that was a part of it
            return result;
        } catch (IOException e) {
            delete(made);
            throw new SnapshotException("snapshot: %s cannot be written: %s".formatted(target, e), e);
        } catch (RuntimeException | Error e) {
            delete(made);
            throw e;
        }
    }

    /** Writes a file. */
    @FunctionalInterface
    interface FileContent {
        /** Writes into a file that is not there, or empty. */
        void write(Path file) throws IOException;
    }

    /**
     * Makes a file that appears when it is complete, and that only this user can read.
     *
     * @param target must not exist; its parent must exist
     * @throws SnapshotException if it cannot be made; then nothing is left of it
     */
    static void makeFile(Path target, FileContent content) {
        make(target, folder -> folder.resolve(FILE), folder -> {
            Path inside = Files.createFile(folder.resolve(FILE), forThisUser("rw-------"));
            content.write(inside);
            return inside;
        });
    }

    private static Path requireFree(Path target) {
        Path parent = target.getParent();
        if (parent == null || !Files.isDirectory(parent)) {
            throw new SnapshotException("snapshot: %s must be in a folder that exists".formatted(target));
        }
        if (!isFree(target)) {
            throw new SnapshotException(
                    "snapshot: %s exists: give another name, or delete it before".formatted(target));
        }
        return parent;
    }

    private static boolean isFree(Path target) {
        if (!Files.exists(target)) return true;
        if (!Files.isDirectory(target)) return false;
        try (DirectoryStream<Path> content = Files.newDirectoryStream(target)) {
            return !content.iterator().hasNext();
        } catch (IOException e) {
            throw new SnapshotException("snapshot: %s cannot be read: %s".formatted(target, e), e);
        }
    }

    private static String prefix(String name) {
        return "." + name + UNFINISHED + "-";
    }

    /** Deletes what processes left that ended while they wrote a folder of this name. */
    private static void deleteUnfinished(Path parent, String name) {
        String prefix = prefix(name);
        try (DirectoryStream<Path> all =
                Files.newDirectoryStream(parent, prefix.replaceAll("([*?\\[{\\\\])", "\\\\$1") + "*")) {
            for (Path each : all) {
                String process = each.getFileName().toString().substring(prefix.length());
                int end = process.indexOf('-');
                if (end > 0 && !isAlive(process.substring(0, end))) delete(each);
            }
        } catch (IOException e) {
            // They stay: nobody takes them for snapshots.
        }
    }

    private static boolean isAlive(String process) {
        try {
            return ProcessHandle.of(Long.parseLong(process)).isPresent();
        } catch (NumberFormatException e) {
            return true; // not one of ours
        }
    }

    private static FileAttribute<?>[] forThisUser(String permissions) {
        return FileSystems.getDefault().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
                }
                : new FileAttribute<?>[0];
    }

    /** Deletes a folder of files, if there is one, as far as that is possible. */
    static void delete(Path folder) {
        if (!Files.exists(folder)) return;
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
            for (Path each : files) Files.deleteIfExists(each);
            Files.deleteIfExists(folder);
        } catch (IOException e) {
            // The next folder of this name tries again.
        }
    }
}
