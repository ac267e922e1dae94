package dev.microvm.model;

/** What comes after a guest's reset, be it asked for, a triple fault, or what ends a panic. */
public enum ResetAction {
    /** The machine ends, and {@link ExitReport} says by what. */
    END,
    /**
     * The machine starts again as after power-on: memory zero, devices and vCPUs new, kernel and initrd loaded again. Its
     * console goes on.
     */
    RESTART
}
