package dev.microvm.engine;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.testing.HypervisorContract;

/** The engine keeps the contract of the SPI. */
final class EngineContractTest extends HypervisorContract {
    @Override
    protected Hypervisor hypervisor() {
        return new EngineHypervisor();
    }

    @Override
    protected InterruptMode anyMode() {
        return InterruptMode.SPLIT;
    }
}
