package dev.microvm.kvm;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.GuestDebugContract;
import dev.microvm.testing.Lanes;

/** KVM debugs guests as the contract says; kvm-pvm, which emulates supervisor code, does not. */
@Lanes.Lab
final class KvmGuestDebugLabTest extends GuestDebugContract {
    @Override
    protected Hypervisor hypervisor() {
        return Lanes.kvm();
    }
}
