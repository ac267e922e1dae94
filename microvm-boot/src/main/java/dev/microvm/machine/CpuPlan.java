package dev.microvm.machine;

import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.cpuid.CpuidPolicy;
import dev.microvm.cpuid.GuestCpuid;
import java.util.List;

/**
 * What CPUID answers in a machine, decided.
 *
 * @param vcpus how many the machine has
 * @param supported what the hypervisor can do
 * @param tscDeadline whether local APICs have the TSC-deadline mode
 * @param policy what the user changes
 */
public record CpuPlan(int vcpus, List<CpuidEntry> supported, boolean tscDeadline, CpuidPolicy policy) {
    /** The answers on a vCPU. */
    public List<CpuidEntry> cpuid(int vcpu) {
        return policy.apply(offered(vcpu));
    }

    /** The same before the user's changes. */
    List<CpuidEntry> offered(int vcpu) {
        return GuestCpuid.forVcpu(supported, vcpu, vcpus, tscDeadline);
    }
}
