package dev.microvm.kvm;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.RamContract;

/** KVM gives RAM as the contract says. */
@Lanes.Kvm
final class KvmRamTest extends RamContract {
    @Override
    protected Hypervisor hypervisor() {
        return Lanes.kvm();
    }
}
