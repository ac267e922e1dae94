package dev.microvm.hypervisor;

/** DR0 to DR3, DR6 and DR7: Intel SDM vol. 3B, 18.2. */
public record DebugRegisters(long dr0, long dr1, long dr2, long dr3, long dr6, long dr7) {}
