package dev.microvm.error;

/**
 * The base class of the exceptions that microvm defines. Its subtypes say what failed:
 * configuration, boot, hypervisor.
 */
public class MicroVmException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Makes the exception; {@code message} says what failed and how to fix it. */
    public MicroVmException(String message) {
        super(message);
    }

    /** Makes the exception with its cause. */
    public MicroVmException(String message, Throwable cause) {
        super(message, cause);
    }
}
