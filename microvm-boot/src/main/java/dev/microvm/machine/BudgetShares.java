package dev.microvm.machine;

import dev.microvm.error.MicroVmException;
import dev.microvm.limits.Budget;
import dev.microvm.limits.JvmBudgets;
import dev.microvm.model.VirtioDeviceSpec;

/**
 * What a machine holds of the budgets of the JVM, from its start to its release: its memory, and
 * the threads of its vCPUs, of its I/O, and of its disks and networks.
 */
final class BudgetShares implements AutoCloseable {
    private static final int IO_THREADS = 1;

    private final Resources shares = new Resources();

    /**
     * Takes what the machine needs.
     *
     * @throws MicroVmException if it is not free; then nothing is taken
     */
    BudgetShares(MachinePlan plan) {
        try {
            take(plan, JvmBudgets.memory(), JvmBudgets.MEMORY_PROPERTY, plan.memorySize());
            take(plan, JvmBudgets.threads(), JvmBudgets.THREADS_PROPERTY, threads(plan));
        } catch (RuntimeException | Error e) {
            shares.close();
            throw e;
        }
    }

    private void take(MachinePlan plan, Budget budget, String property, long amount) {
        Budget.Share share = budget.open(plan.name(), () -> {}); // nothing can be given back before the end
        shares.add(share::close);
        if (share.tryTakeFree(amount)) return;
        throw new MicroVmException(
                "machine %s needs %d %s, and %s are in use: close other machines of this JVM, or set a larger -D%s"
                        .formatted(plan.name(), amount, budget.name(), budget, property));
    }

    /** Returns how many threads a machine has while it runs. */
    static int threads(MachinePlan plan) {
        int threads = plan.vcpus() + IO_THREADS;
        for (VirtioDeviceSpec device : plan.spec().devices().virtio()) {
            if (device instanceof VirtioDeviceSpec.Blk blk)
                threads += blk.disk().queues();
            if (device instanceof VirtioDeviceSpec.Net || device instanceof VirtioDeviceSpec.Fs) threads++;
        }
        return threads;
    }

    /** Gives everything back. A second call does nothing. */
    @Override
    public void close() {
        shares.close();
    }
}
