package dev.microvm.hypervisor;

import java.util.List;
import java.util.Objects;

/**
 * The debug settings of a vCPU: see {@link Vcpu#debug}. The guest cannot see them. While
 * {@code breakpoints} is not empty, the guest's own debug registers have no effect.
 *
 * @param singleStep whether each instruction ends with {@link VcpuExit#DEBUG}
 * @param softwareBreakpoints whether INT3 causes {@link VcpuExit#DEBUG}, with RIP at the INT3,
 *     instead of an exception in the guest
 * @param breakpoints hardware breakpoints, at most {@link #MAX_BREAKPOINTS}
 */
public record GuestDebug(boolean singleStep, boolean softwareBreakpoints, List<Breakpoint> breakpoints) {
    /** Largest number of hardware breakpoints: DR0 to DR3. */
    public static final int MAX_BREAKPOINTS = 4;

    /** No debugging. */
    public static final GuestDebug OFF = new GuestDebug(false, false, List.of());

    /**
     * Copies the list; throws {@link IllegalArgumentException} if it has more than
     * {@link #MAX_BREAKPOINTS}.
     */
    public GuestDebug {
        Objects.requireNonNull(breakpoints, "breakpoints");
        breakpoints = List.copyOf(breakpoints);
        if (breakpoints.size() > MAX_BREAKPOINTS) {
            throw new IllegalArgumentException(
                    "%d breakpoints: a processor supports at most %d".formatted(breakpoints.size(), MAX_BREAKPOINTS));
        }
    }
}
