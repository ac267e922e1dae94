package dev.microvm.hypervisor;

/** Why {@link Vcpu#run} returned. I/O does not make it return. */
public enum VcpuExit {
    /** {@link Vcpu#kick} was called. */
    KICKED,
    /** The guest halted and waits for an interrupt; only where the hypervisor does not wait itself. */
    HALTED,
    /** The guest can take an interrupt now, as {@link Vcpu#requestInterruptWindow} asked. */
    INTERRUPT_WINDOW,
    /** A triple fault: Intel SDM vol. 3A, 6.15, "shutdown state". */
    SHUTDOWN,
    /** A breakpoint or single step that the host asked for. */
    DEBUG
}
