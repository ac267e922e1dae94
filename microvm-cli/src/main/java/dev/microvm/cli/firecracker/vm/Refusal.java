package dev.microvm.cli.firecracker.vm;

/** Thrown if a part of the configuration is refused; the message is Firecracker's, without its prefix. */
final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Refusal(String message) {
        super(message);
    }

    /** Returns the message, which there always is. */
    String text() {
        return String.valueOf(getMessage());
    }
}
