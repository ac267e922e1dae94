package dev.microvm.cli;

/**
 * Exit codes that are not the command's own: those of docker(1), podman(1) and timeout(1). If a
 * signal ends a command, its code is 128 plus the signal's number.
 */
public final class ExitCode {
    /** The command's time was over. */
    public static final int TIMED_OUT = 124;

    /** The program itself failed, or was called wrongly. */
    public static final int FAILED = 125;

    /** The guest cannot execute the command. */
    public static final int NOT_EXECUTABLE = 126;

    /** The guest has no such command. */
    public static final int NOT_FOUND = 127;

    /** A signal ended the command: this plus the signal's number. */
    public static final int SIGNALED = 128;

    private ExitCode() {}
}
