package dev.microvm.model;

/**
 * What follows when the guest has halted for good: each of its vCPUs is in HLT with interrupts off,
 * or was never started, so that nothing can wake it.
 */
public enum HaltAction {
    /** The machine ends with {@link ExitReport.Reason#HALTED}. */
    END,
    /** The machine stays, so that it can be inspected; {@code MicroVm.hasHalted} tells. */
    STAY
}
