package dev.microvm.model;

import dev.microvm.error.MicroVmException;

/**
 * A snapshot cannot be written, read or continued. The message says what is wrong with which file
 * or part, and what to do.
 */
public final class SnapshotException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    /** Makes the exception; {@code message} says what failed and how to fix it. */
    public SnapshotException(String message) {
        super(message);
    }

    /** Makes the exception with its cause. */
    public SnapshotException(String message, Throwable cause) {
        super(message, cause);
    }
}
