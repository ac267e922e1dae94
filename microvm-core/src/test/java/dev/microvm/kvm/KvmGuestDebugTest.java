package dev.microvm.kvm;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.GuestDebugContract;
import dev.microvm.testing.Lanes;

/** KVM debugs guests as the contract says. */
@Lanes.Kvm
final class KvmGuestDebugTest extends GuestDebugContract {
    @Override
    protected Hypervisor hypervisor() {
        return Lanes.kvm();
    }

    @Override
    protected void assumeProcessorRunsGuests() {
        assumeTrue(
                Lanes.kvm().probe().runsKernels(),
                "KVM emulates supervisor code here, and its emulator knows neither INT3 nor breakpoints at data");
    }
}
