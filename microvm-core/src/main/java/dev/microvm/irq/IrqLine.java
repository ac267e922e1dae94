package dev.microvm.irq;

/**
 * The wire from a device's interrupt output to an interrupt controller.
 *
 * <p>A device gets its line in its constructor and does not know the line's number. Any thread may
 * call. Calls do not block for long, and nothing a guest does makes them throw.
 */
@FunctionalInterface
public interface IrqLine {
    /** A line that is connected to nothing. */
    IrqLine UNCONNECTED = level -> {};

    /**
     * Drives the line high ({@code true}) or low; driving the current level again has no effect.
     */
    void set(boolean level);

    /** Raises the line and lowers it again: one rising edge. */
    default void pulse() {
        set(true);
        set(false);
    }
}
