package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.DATA;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_FSGSBASE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_OSXSAVE;

import dev.microvm.cpuid.CpuidPolicy;
import dev.microvm.engine.cpu.Feature;
import dev.microvm.hypervisor.FpuState;

/** What tests of features share: guests that have some of them hidden. */
abstract class FeatureProbes extends SystemTest {
    private static final long XCR0_X87_SSE_AVX = 0b111;

    /** A guest in 64-bit mode without some features; RAX points at data. */
    final SystemGuest guest(Feature... hidden) {
        SystemGuest guest = long64WithApic().cr4(CR4_OSXSAVE | CR4_FSGSBASE).with(r -> r.withRax(DATA));
        FpuState state = guest.vcpu().fpuState();
        guest.vcpu().fpuState(new FpuState(state.xsave(), XCR0_X87_SSE_AVX));
        return hiding(guest, hidden);
    }

    /** Hides features from a guest. */
    static SystemGuest hiding(SystemGuest guest, Feature... hidden) {
        CpuidPolicy policy = CpuidPolicy.NONE;
        for (Feature feature : hidden) policy = policy.with(feature.announcement(), false);
        guest.vcpu().cpuid(policy.apply(guest.vm().supportedCpuid()));
        return guest;
    }

    /** Runs code; returns the vector of the fault, or {@link End#DONE}. */
    static int vector(SystemGuest guest, String listing) {
        return guest.run(listing + "e6 f4 // out %al, $0xf4").vector();
    }
}
