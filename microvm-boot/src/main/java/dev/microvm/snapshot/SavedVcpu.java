package dev.microvm.snapshot;

import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.hypervisor.VcpuState;
import java.util.List;

/**
 * A vCPU of a machine that was saved.
 *
 * @param cpuid the results of CPUID on it
 * @param tscKhz the frequency of its time-stamp counter in kHz; 0 if it is not known
 * @param state its whole state
 */
public record SavedVcpu(List<CpuidEntry> cpuid, long tscKhz, VcpuState state) {
    /** Copies the list. */
    public SavedVcpu {
        cpuid = List.copyOf(cpuid);
    }
}
