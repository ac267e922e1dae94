package dev.microvm.backend.disk;

import dev.microvm.error.MicroVmException;

/**
 * Thrown by a request that ended unfinished, because what was given to
 * {@link BlockBackend#cancelledBy} returned true. The disk is intact, and the request may be made
 * again from its start.
 */
public final class RequestCancelledException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    /** Makes the exception. */
    public RequestCancelledException() {
        super("the request was cancelled");
    }
}
