package dev.microvm.model;

import dev.microvm.hypervisor.InterruptMode;

/**
 * Where a machine's interrupt controllers are. The local APICs belong to the hypervisor in both
 * cases.
 */
public enum Irqchip {
    /** IOAPIC, PICs and PIT belong to the hypervisor. */
    KERNEL(InterruptMode.KERNEL),
    /**
     * IOAPIC, PICs and PIT are devices of the machine, so that the guest reaches fewer parts of the
     * host's kernel.
     */
    SPLIT(InterruptMode.SPLIT);

    private final InterruptMode mode;

    Irqchip(InterruptMode mode) {
        this.mode = mode;
    }

    /** Returns the same in the hypervisor's terms. */
    public InterruptMode mode() {
        return mode;
    }
}
