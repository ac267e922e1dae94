package dev.microvm.model;

/** What follows a reset of the guest, including a triple fault and the reset after a panic. */
public enum ResetAction {
    /** The machine ends; {@link ExitReport} has the reason. */
    END,
    /**
     * The machine starts again as after power-on: memory is zero, devices and vCPUs are new, kernel
     * and initrd are loaded again. Its console continues.
     */
    RESTART
}
