package dev.microvm.irq;

/**
 * The wire from a device's interrupt output to whatever listens at its other end.
 *
 * <p>A device is handed its line in its constructor and knows no number for it. Any thread may call; calls never block
 * for long and never throw for a guest's doing.
 */
@FunctionalInterface
public interface IrqLine {
    /** A line that leads nowhere. */
    IrqLine UNCONNECTED = level -> {};

    /** Drives the line high ({@code true}) or low; driving the level it already has changes nothing. */
    void set(boolean level);

    /** Raises the line and lowers it again: one edge. */
    default void pulse() {
        set(true);
        set(false);
    }
}
