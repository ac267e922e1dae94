package dev.microvm.cli.firecracker.vm;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Says why a file of the host cannot be opened, in the words of Rust's {@code io::Error}. */
final class HostFile {
    private static final String MISSING = "No such file or directory (os error 2)";
    private static final String DENIED = "Permission denied (os error 13)";
    private static final String FOLDER = "Is a directory (os error 21)";

    private HostFile() {}

    /** Returns why it cannot be opened; empty if it can. */
    static Optional<String> problem(String file, boolean forWriting) {
        Path path = Path.of(file);
        if (!Files.exists(path)) return Optional.of(MISSING);
        if (!Files.isReadable(path) || (forWriting && !Files.isWritable(path))) return Optional.of(DENIED);
        return Files.isDirectory(path) ? Optional.of(FOLDER) : Optional.empty();
    }
}
