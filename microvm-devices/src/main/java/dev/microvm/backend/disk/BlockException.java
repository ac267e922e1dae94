package dev.microvm.backend.disk;

import dev.microvm.error.MicroVmException;

/**
 * Thrown if an image cannot be opened, read or written. The message names the file, the problem
 * and, if there is one, the remedy.
 */
public final class BlockException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    /** Makes the exception; {@code message} names file, problem and remedy. */
    public BlockException(String message) {
        super(message);
    }

    /** Makes the exception with its cause. */
    public BlockException(String message, Throwable cause) {
        super(message, cause);
    }
}
