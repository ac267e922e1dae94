package dev.microvm.sandbox;

import dev.microvm.error.MicroVmException;

/** Something could not be done in a guest; the message says what, and why. */
public class SandboxException extends MicroVmException {
    private static final long serialVersionUID = 1;

    /** Makes one with a message. */
    public SandboxException(String message) {
        super(message);
    }

    /** Makes one with a message and its cause. */
    public SandboxException(String message, Throwable cause) {
        super(message, cause);
    }
}
