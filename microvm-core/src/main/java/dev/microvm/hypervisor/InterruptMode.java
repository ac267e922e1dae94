package dev.microvm.hypervisor;

/** Where the interrupt controllers of a machine are implemented. */
public enum InterruptMode {
    /** The hypervisor has local APICs, IOAPIC, PICs and, if requested, the PIT. */
    KERNEL,
    /** The hypervisor has the local APICs; IOAPIC, PICs and PIT are devices of the machine. */
    SPLIT,
    /** All are devices of the machine, which injects vectors into its vCPUs. */
    USERSPACE
}
