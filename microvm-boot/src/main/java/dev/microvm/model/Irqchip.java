package dev.microvm.model;

import dev.microvm.hypervisor.InterruptMode;

/** Where a machine's interrupt controllers are; the local APICs are the hypervisor's in both. */
public enum Irqchip {
    /** IOAPIC, PICs and PIT are the hypervisor's. */
    KERNEL(InterruptMode.KERNEL),
    /** IOAPIC, PICs and PIT are devices of the machine: fewer parts in the host's kernel that a guest can reach. */
    SPLIT(InterruptMode.SPLIT);

    private final InterruptMode mode;

    Irqchip(InterruptMode mode) {
        this.mode = mode;
    }

    /** The same, as a hypervisor is asked for it. */
    public InterruptMode mode() {
        return mode;
    }
}
