package dev.microvm.cli.timeline;

/**
 * A part of a start.
 *
 * @param name what happens
 * @param who does it
 * @param startMillis since the process began
 * @param endMillis since the process began
 */
record Phase(String name, Who who, double startMillis, double endMillis) {
    /** Who does the work of a phase. */
    enum Who {
        JVM,
        HOST,
        KERNEL,
        GUEST
    }

    double millis() {
        return endMillis - startMillis;
    }
}
