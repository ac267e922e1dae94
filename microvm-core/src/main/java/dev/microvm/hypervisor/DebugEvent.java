package dev.microvm.hypervisor;

/**
 * Why {@link Vcpu#run} returned {@link VcpuExit#DEBUG}. Several reasons may hold at once.
 *
 * @param rip address of the next instruction: at an EXECUTE breakpoint or INT3, the one there;
 *     after an access or a step, the following one
 * @param softwareBreakpoint whether INT3 was about to run
 * @param singleStep whether a single step ended
 * @param breakpoints mask of the {@link GuestDebug#breakpoints} that were hit, bit 0 for the first
 */
public record DebugEvent(long rip, boolean softwareBreakpoint, boolean singleStep, int breakpoints) {}
