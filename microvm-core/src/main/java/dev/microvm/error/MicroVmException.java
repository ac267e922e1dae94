package dev.microvm.error;

/** The root of what microvm throws on purpose. Its subtypes say what failed: configuration, boot, hypervisor. */
public class MicroVmException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Makes the exception; {@code message} says what failed and what to do. */
    public MicroVmException(String message) {
        super(message);
    }

    /** Makes the exception with what caused it. */
    public MicroVmException(String message, Throwable cause) {
        super(message, cause);
    }
}
