package dev.microvm.engine;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.VcpuStateContract;

/** The engine takes and gives the state of a vCPU as the contract says. */
final class EngineVcpuStateTest extends VcpuStateContract {
    @Override
    protected Hypervisor hypervisor() {
        return new EngineHypervisor();
    }
}
