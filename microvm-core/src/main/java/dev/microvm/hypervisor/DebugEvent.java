package dev.microvm.hypervisor;

/**
 * Why {@link Vcpu#run} returned {@link VcpuExit#DEBUG}. Several may be true at once.
 *
 * @param rip of the next instruction: the one at an EXECUTE breakpoint or INT3, the one after an access or a step
 * @param softwareBreakpoint whether INT3 was about to run
 * @param singleStep whether a single step ended
 * @param breakpoints those of {@link GuestDebug#breakpoints} that were hit, bit 0 for the first
 */
public record DebugEvent(long rip, boolean softwareBreakpoint, boolean singleStep, int breakpoints) {}
