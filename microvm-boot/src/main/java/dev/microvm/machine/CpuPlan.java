package dev.microvm.machine;

import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.cpuid.CpuidPolicy;
import dev.microvm.cpuid.GuestCpuid;
import java.util.List;

/**
 * The decided CPUs of a machine.
 *
 * @param vcpus number of vCPUs
 * @param threads how many of them are threads of one core
 * @param supported the results of CPUID that the hypervisor supports
 * @param tscDeadline whether local APICs have the TSC-deadline mode
 * @param policy the user's changes
 * @param tscKhz the frequency of time-stamp counters that the user gave; 0 for the hypervisor's
 */
public record CpuPlan(
        int vcpus, int threads, List<CpuidEntry> supported, boolean tscDeadline, CpuidPolicy policy, long tscKhz) {
    /** Returns the results of CPUID on a vCPU. */
    public List<CpuidEntry> cpuid(int vcpu) {
        return policy.apply(offered(vcpu));
    }

    /** Returns the same without the user's changes. */
    List<CpuidEntry> offered(int vcpu) {
        List<CpuidEntry> table = GuestCpuid.forVcpu(supported, vcpu, vcpus, threads, tscDeadline);
        return tscKhz == 0 ? table : new TscFrequency(tscKhz).in(table);
    }
}
