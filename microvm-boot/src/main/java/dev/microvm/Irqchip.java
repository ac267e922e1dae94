package dev.microvm;

/** Where a machine's interrupt controllers are; the local APICs are the hypervisor's in both. */
public enum Irqchip {
    /** IOAPIC, PICs and PIT are the hypervisor's. */
    KERNEL,
    /** IOAPIC, PICs and PIT are devices of the machine: fewer parts in the host's kernel that a guest can reach. */
    SPLIT
}
