package dev.microvm.sandbox;

import java.time.Duration;

/**
 * What a guest uses, as its kernel says it.
 *
 * @param totalMemory bytes of memory that it has
 * @param availableMemory bytes that programs could still have
 * @param cpuBusy time that its CPUs have worked, together
 * @param cpuIdle time that they have waited
 * @param processes processes and threads
 * @param uptime since it was started
 */
public record GuestFigures(
        long totalMemory, long availableMemory, Duration cpuBusy, Duration cpuIdle, int processes, Duration uptime) {}
