package dev.microvm.linux;

import dev.microvm.error.MicroVmException;

/** A system call failed. The number stays at hand, so that a caller who knows the reason can give the remedy. */
public final class ErrnoException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    /**
     * Makes the exception.
     *
     * @param call what was called, with the argument that matters: {@code "open(/dev/kvm)"}
     * @param errno a number of {@link Errno}
     */
    public ErrnoException(String call, int errno) {
        super(call + ": " + Errno.text(errno));
        this.errno = errno;
    }

    /** The error number. */
    public int errno() {
        return errno;
    }
}
