package dev.microvm.kvm;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.TranslationContract;

/** KVM translates addresses as the contract says. */
@Lanes.Kvm
final class KvmTranslationTest extends TranslationContract {
    @Override
    protected Hypervisor hypervisor() {
        return Lanes.kvm();
    }

    @Override
    protected long usedBits() {
        return ACCESSED;
    }
}
