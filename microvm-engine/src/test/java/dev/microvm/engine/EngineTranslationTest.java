package dev.microvm.engine;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.TranslationContract;

/** The engine translates addresses as the contract says. */
final class EngineTranslationTest extends TranslationContract {
    @Override
    protected Hypervisor hypervisor() {
        return new EngineHypervisor();
    }

    @Override
    protected long usedBits() {
        return 0;
    }
}
