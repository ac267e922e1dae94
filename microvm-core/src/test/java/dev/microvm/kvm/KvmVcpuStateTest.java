package dev.microvm.kvm;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.VcpuStateContract;

/** KVM takes and gives the state of a vCPU as the contract says. */
@Lanes.Kvm
final class KvmVcpuStateTest extends VcpuStateContract {
    @Override
    protected Hypervisor hypervisor() {
        return Lanes.kvm();
    }
}
