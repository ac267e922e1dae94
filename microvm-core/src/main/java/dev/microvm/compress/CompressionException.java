package dev.microvm.compress;

import dev.microvm.error.MicroVmException;

/** Compressed data that is not intact, or unpacks to more than was asked for. */
public final class CompressionException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    private final String format;

    /**
     * Makes the exception.
     *
     * @param format of the data: {@code "zstd"}
     * @param found what is there instead; the message
     */
    public CompressionException(String format, String found) {
        super(found);
        this.format = format;
    }

    /** Makes the exception with what caused it. */
    public CompressionException(String format, String found, Throwable cause) {
        super(found, cause);
        this.format = format;
    }

    /** What the data was meant to be. */
    public String format() {
        return format;
    }
}
