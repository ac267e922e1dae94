package dev.microvm.hypervisor;

/** Why {@link Vcpu#run} returned. Port and memory-mapped I/O does not make it return. */
public enum VcpuExit {
    /** {@link Vcpu#kick} was called. */
    KICKED,
    /**
     * The guest halted and waits for an interrupt. Does not occur if the hypervisor itself waits.
     */
    HALTED,
    /** The guest can take an interrupt now: see {@link Vcpu#requestInterruptWindow}. */
    INTERRUPT_WINDOW,
    /** The guest had a triple fault: Intel SDM vol. 3A, 6.15, "shutdown state". */
    SHUTDOWN,
    /** A breakpoint or single step of {@link GuestDebug} was reached. */
    DEBUG
}
