package dev.microvm;

import dev.microvm.error.MicroVmException;

/** What was waited for did not happen in time. The message ends with the last lines of the console. */
public final class AwaitTimeoutException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    AwaitTimeoutException(String message) {
        super(message);
    }
}
