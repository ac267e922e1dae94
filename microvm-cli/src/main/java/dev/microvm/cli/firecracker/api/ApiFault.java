package dev.microvm.cli.firecracker.api;

/** Thrown if a call is refused: the answer has its status and, as {@code fault_message}, its text. */
public final class ApiFault extends RuntimeException {
    /** HTTP: the request is at fault. */
    public static final int BAD_REQUEST = 400;

    /** HTTP: the body is too large. */
    public static final int PAYLOAD_TOO_LARGE = 413;

    private static final long serialVersionUID = 1L;

    private final int status;

    /** Makes a fault with status 400. */
    public ApiFault(String message) {
        this(BAD_REQUEST, message);
    }

    /** Makes a fault with any status. */
    public ApiFault(int status, String message) {
        super(message);
        this.status = status;
    }

    /** Makes the fault for what Firecracker has and this implementation has not. */
    public static ApiFault notSupported(String what) {
        return new ApiFault("The requested operation is not supported: " + what);
    }

    /** Returns the status of the answer. */
    public int status() {
        return status;
    }
}
