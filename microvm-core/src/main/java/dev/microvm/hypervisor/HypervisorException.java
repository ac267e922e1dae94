package dev.microvm.hypervisor;

import dev.microvm.error.MicroVmException;

/**
 * Thrown if the hypervisor or the host refuses an operation or fails. The message says what failed,
 * why, and what to do.
 */
public class HypervisorException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    /** Makes the exception; {@code message} names the operation, the reason and the remedy. */
    public HypervisorException(String message) {
        super(message);
    }

    /** Makes the exception with its cause. */
    public HypervisorException(String message, Throwable cause) {
        super(message, cause);
    }
}
