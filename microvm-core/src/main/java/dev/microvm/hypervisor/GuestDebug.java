package dev.microvm.hypervisor;

import java.util.List;

/**
 * What a debugger wants of a vCPU: see {@link Vcpu#debug}. The guest sees none of it, but for its own debug registers,
 * which do nothing while there are {@code breakpoints}.
 *
 * @param singleStep whether {@link VcpuExit#DEBUG} follows each instruction
 * @param softwareBreakpoints whether INT3 is {@link VcpuExit#DEBUG}, with RIP at it, and not an exception of the guest's
 * @param breakpoints at most four
 */
public record GuestDebug(boolean singleStep, boolean softwareBreakpoints, List<Breakpoint> breakpoints) {
    /** The most breakpoints: DR0 to DR3. */
    public static final int MAX_BREAKPOINTS = 4;

    /** Nothing: the guest runs as ever. */
    public static final GuestDebug OFF = new GuestDebug(false, false, List.of());

    /** Copies the list. */
    public GuestDebug {
        breakpoints = List.copyOf(breakpoints);
        if (breakpoints.size() > MAX_BREAKPOINTS) {
            throw new IllegalArgumentException(
                    "%d breakpoints: a processor has %d".formatted(breakpoints.size(), MAX_BREAKPOINTS));
        }
    }
}
