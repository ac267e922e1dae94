package dev.microvm.engine;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.GuestDebugContract;

/** The engine debugs guests as the contract says. */
final class EngineGuestDebugTest extends GuestDebugContract {
    @Override
    protected Hypervisor hypervisor() {
        return new EngineHypervisor();
    }
}
