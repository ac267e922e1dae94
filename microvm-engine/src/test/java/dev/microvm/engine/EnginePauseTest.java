package dev.microvm.engine;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.testing.PauseContract;

/** The engine keeps the contract of pauses. */
final class EnginePauseTest extends PauseContract {
    @Override
    protected Hypervisor hypervisor() {
        return new EngineHypervisor();
    }

    @Override
    protected InterruptMode mode() {
        return InterruptMode.SPLIT;
    }
}
