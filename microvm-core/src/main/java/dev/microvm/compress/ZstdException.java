package dev.microvm.compress;

import dev.microvm.error.MicroVmException;

/** Data that is no intact zstd frame, or unpacks to more than was asked for. */
public final class ZstdException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    /** Makes the exception; {@code found} says what is there instead. */
    public ZstdException(String found) {
        super(found);
    }

    /** Makes the exception with what caused it. */
    public ZstdException(String found, Throwable cause) {
        super(found, cause);
    }
}
