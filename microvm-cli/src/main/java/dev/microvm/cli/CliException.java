package dev.microvm.cli;

/** Something that a user can mend: says what is wrong, and what to do about it. */
public final class CliException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String remedy;
    private final int exitCode;

    /** Makes one with {@link ExitCode#FAILED}. */
    public CliException(String problem, String remedy) {
        this(problem, remedy, ExitCode.FAILED);
    }

    /** Makes one with the given exit code; {@code remedy} may be empty. */
    public CliException(String problem, String remedy, int exitCode) {
        super(problem);
        this.remedy = remedy;
        this.exitCode = exitCode;
    }

    /** Returns what to do about it; may be empty. */
    public String remedy() {
        return remedy;
    }

    /** Returns what the program exits with. */
    public int exitCode() {
        return exitCode;
    }
}
