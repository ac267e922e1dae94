package dev.microvm.sandbox;

import java.util.Objects;

/**
 * What a command in a guest left behind.
 *
 * @param exitCode the exit status, 0 to 255; 128 plus the signal's number if a signal ended it
 * @param stdout   what it wrote to its standard output, as UTF-8
 * @param stderr   what it wrote to its standard error, as UTF-8
 */
public record ExecResult(int exitCode, String stdout, String stderr) {
    /** @throws NullPointerException if a text is null */
    public ExecResult {
        Objects.requireNonNull(stdout, "stdout");
        Objects.requireNonNull(stderr, "stderr");
    }
}
