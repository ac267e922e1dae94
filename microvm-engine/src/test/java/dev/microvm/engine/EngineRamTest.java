package dev.microvm.engine;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.RamContract;

/** The engine gives RAM as the contract says. */
final class EngineRamTest extends RamContract {
    @Override
    protected Hypervisor hypervisor() {
        return new EngineHypervisor();
    }
}
