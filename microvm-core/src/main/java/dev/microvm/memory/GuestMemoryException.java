package dev.microvm.memory;

/**
 * Thrown for an access outside guest memory.
 *
 * <p>The address came from the guest, so this is an error of the guest. The device or transport
 * that made the access turns it into the error that its specification names. The exception has no
 * stack trace, because a guest can cause it as often as it likes.
 */
public final class GuestMemoryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final long gpa;
    private final long size;

    /**
     * Makes the exception for one access.
     *
     * @param gpa guest-physical address of the access
     * @param size size of the access in bytes
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

    /** Returns the guest-physical address of the access. */
    public long gpa() {
        return gpa;
    }

    /** Returns the size of the access in bytes. */
    public long size() {
        return size;
    }
}
