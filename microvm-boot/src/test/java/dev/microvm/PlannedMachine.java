package dev.microvm;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.machine.MachinePlan;

/**
 * A machine that was described and checked, to be started on another hypervisor than the chosen
 * one: for tests that watch or move it.
 */
public final class PlannedMachine {
    private final MachinePlan plan;

    private PlannedMachine(MachinePlan plan) {
        this.plan = plan;
    }

    public static PlannedMachine of(MicroVmBuilder builder) {
        return new PlannedMachine(builder.plan());
    }

    /** The chosen hypervisor. */
    public Hypervisor hypervisor() {
        return plan.hypervisor();
    }

    public MachinePlan plan() {
        return plan;
    }

    public MicroVm start(Hypervisor other) {
        return new MicroVm(plan.with(other)).start();
    }
}
