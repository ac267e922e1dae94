package dev.microvm.boot;

import dev.microvm.error.MicroVmException;

/** A file or option that a guest is to be started with is missing, invalid or does not fit. */
public final class BootException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    private final String subject;
    private final String expected;
    private final String found;

    /**
     * Makes the exception.
     *
     * @param subject the file, or the option
     * @param expected what should have been there
     * @param found what was there instead
     */
    public BootException(String subject, String expected, String found) {
        super(message(subject, expected, found));
        this.subject = subject;
        this.expected = expected;
        this.found = found;
    }

    /** Makes the exception with what caused it. */
    public BootException(String subject, String expected, String found, Throwable cause) {
        super(message(subject, expected, found), cause);
        this.subject = subject;
        this.expected = expected;
        this.found = found;
    }

    /** The file, or the option. */
    public String subject() {
        return subject;
    }

    /** What should have been there. */
    public String expected() {
        return expected;
    }

    /** What was there instead. */
    public String found() {
        return found;
    }

    private static String message(String subject, String expected, String found) {
        return "%s: expected %s, found %s".formatted(subject, expected, found);
    }
}
