package dev.microvm.kvm;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.UseAfterCloseContract;

/** KVM's descriptors are not used after they are closed, when their numbers may be others'. */
@Lanes.Kvm
final class KvmUseAfterCloseTest extends UseAfterCloseContract {
    @Override
    protected Hypervisor hypervisor() {
        return Lanes.kvm();
    }
}
