package dev.microvm.engine;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.UseAfterCloseContract;

/** The engine uses no address of memory that is freed. */
final class EngineUseAfterCloseTest extends UseAfterCloseContract {
    @Override
    protected Hypervisor hypervisor() {
        return new EngineHypervisor();
    }
}
