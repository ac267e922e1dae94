package dev.microvm.memory;

/**
 * An access outside guest memory.
 *
 * <p>The address came from a guest, so this is a guest's mistake: the device or transport that made the access turns
 * it into the error its specification names. It carries no stack trace, since a guest can cause it at will.
 */
public final class GuestMemoryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final long gpa;
    private final long size;

    /**
     * Makes the exception for one access.
     *
     * @param gpa guest-physical address of the access
     * @param size bytes it asked for
     */
    public GuestMemoryException(long gpa, long size) {
        super(
                "no guest memory at [0x%x, +0x%x)".formatted(gpa, size),
                null,
                /* enableSuppression= */ false,
                /* writableStackTrace= */ false);
        this.gpa = gpa;
        this.size = size;
    }

    /** The guest-physical address that was asked for. */
    public long gpa() {
        return gpa;
    }

    /** How many bytes were asked for. */
    public long size() {
        return size;
    }
}
