package dev.microvm.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The assembled programs of {@code src/main/guest}, in the folder that the system property {@link
 * #PROPERTY} names.
 */
final class Guests {
    static final String PROPERTY = "microvm.bench.guests";

    private Guests() {}

    /** Returns the file of a program. */
    static Path file(String name) {
        String folder = System.getProperty(PROPERTY);
        if (folder == null) {
            throw new IllegalStateException("system property " + PROPERTY + " is not set: run by scripts/bench");
        }
        return Path.of(folder, name + ".bin");
    }

    /** Returns the bytes of a program. */
    static byte[] program(String name) {
        try {
            return Files.readAllBytes(file(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
