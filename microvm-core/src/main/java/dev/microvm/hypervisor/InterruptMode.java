package dev.microvm.hypervisor;

/** Where a machine's interrupt controllers are. */
public enum InterruptMode {
    /** Local APICs, IOAPIC, PICs and, where asked for, the PIT are the hypervisor's. */
    KERNEL,
    /** Local APICs are the hypervisor's; IOAPIC, PICs and PIT are devices of the machine. */
    SPLIT,
    /** All are devices of the machine, which injects vectors into vCPUs. */
    USERSPACE
}
