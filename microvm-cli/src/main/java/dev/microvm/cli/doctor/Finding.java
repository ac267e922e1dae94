package dev.microvm.cli.doctor;

/**
 * One thing that was looked at.
 *
 * @param topic a word for it, such as {@code kvm}
 * @param text what was found
 * @param remedy what to do about it; empty if nothing
 */
record Finding(String topic, Status status, String text, String remedy) {
    /** How good it is. */
    enum Status {
        /** It works. */
        OK,
        /** Something works without it. */
        LIMITED,
        /** It is missing. */
        MISSING
    }

    static Finding ok(String topic, String text) {
        return new Finding(topic, Status.OK, text, "");
    }

    static Finding limited(String topic, String text, String remedy) {
        return new Finding(topic, Status.LIMITED, text, remedy);
    }

    static Finding missing(String topic, String text, String remedy) {
        return new Finding(topic, Status.MISSING, text, remedy);
    }
}
