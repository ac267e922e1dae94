package dev.microvm;

import dev.microvm.error.MicroVmException;

/**
 * An awaited text or end did not come in time. The message ends with the last lines of the console.
 */
public final class AwaitTimeoutException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    /** @param message what was waited for, and what was seen instead */
    public AwaitTimeoutException(String message) {
        super(message);
    }
}
