package dev.microvm.hypervisor;

import dev.microvm.error.MicroVmException;

/** The hypervisor, or the host beneath it, refused or failed. The message says what, why, and what to do. */
public class HypervisorException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    /** Makes the exception; {@code message} names the operation, the reason and the remedy. */
    public HypervisorException(String message) {
        super(message);
    }

    /** Makes the exception with what caused it. */
    public HypervisorException(String message, Throwable cause) {
        super(message, cause);
    }
}
