package dev.microvm.backend.disk;

import dev.microvm.error.MicroVmException;

/** An image cannot be opened, read or written: the message names the file, what is wrong, and a remedy where there is one. */
public final class BlockException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    /** Makes the exception. */
    public BlockException(String message) {
        super(message);
    }

    /** Makes the exception with what caused it. */
    public BlockException(String message, Throwable cause) {
        super(message, cause);
    }
}
