package dev.microvm.bench;

/** The kinds of access that {@code src/main/guest/exits.S} makes. */
public enum Access {
    /** OUT of a byte. */
    PORT_WRITE(0, "port write"),
    /** IN of a byte. */
    PORT_READ(1, "port read"),
    /** A store of 4 bytes. */
    MMIO_WRITE(2, "MMIO write"),
    /** A load of 4 bytes. */
    MMIO_READ(3, "MMIO read");

    /** Number of accesses in one turn of the guest's loop. */
    static final int PER_TURN = 16;

    final int number;
    final String text;

    Access(int number, String text) {
        this.number = number;
        this.text = text;
    }
}
