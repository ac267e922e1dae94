package dev.microvm.linux;

import dev.microvm.error.MicroVmException;

/**
 * Thrown if a system call fails. It keeps the error number, so that callers can add a remedy to the
 * message.
 */
public final class ErrnoException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    /**
     * Makes the exception.
     *
     * @param call the call with its most important argument, for example {@code "open(/dev/kvm)"}
     * @param errno error number, a constant of {@link Errno}
     */
    public ErrnoException(String call, int errno) {
        super(call + ": " + Errno.text(errno));
        this.errno = errno;
    }

    /** Returns the error number, a constant of {@link Errno}. */
    public int errno() {
        return errno;
    }
}
