package dev.microvm.boot.image;

import dev.microvm.compress.CompressionException;
import dev.microvm.error.MicroVmException;

/** A kernel image is invalid or not supported. */
public final class InvalidImageException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    private final String expected;
    private final String found;

    /**
     * Makes the exception.
     *
     * @param expected what should have been there
     * @param found what was there instead
     */
    public InvalidImageException(String expected, String found) {
        super("expected " + expected + ", found " + found);
        this.expected = expected;
        this.found = found;
    }

    /** Makes the exception with its cause, such as a decompressor's exception. */
    public InvalidImageException(String expected, String found, Throwable cause) {
        super("expected " + expected + ", found " + found, cause);
        this.expected = expected;
        this.found = found;
    }

    /** A payload that cannot be unpacked. */
    static InvalidImageException of(CompressionException e) {
        return new InvalidImageException(
                "an intact %s payload".formatted(e.format()), String.valueOf(e.getMessage()), e);
    }

    /** What should have been there. */
    public String expected() {
        return expected;
    }

    /** What was there instead. */
    public String found() {
        return found;
    }
}
