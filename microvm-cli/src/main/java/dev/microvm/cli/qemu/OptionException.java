package dev.microvm.cli.qemu;

/** A value of an option is wrong; the message says why and what to use instead. */
final class OptionException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    OptionException(String message) {
        super(message);
    }
}
