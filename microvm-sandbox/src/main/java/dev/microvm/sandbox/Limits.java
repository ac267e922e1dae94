package dev.microvm.sandbox;

import java.time.Duration;
import java.util.Objects;

/**
 * What a command and all that it starts may use. A limit of 0 is none, except that the output always
 * has one. The machine's own limits are memory and vCPUs: {@link SandboxBuilder}.
 *
 * @param memoryBytes memory at a time
 * @param cpuTime CPU time, all of them together
 * @param wallTime time from start to end
 * @param outputBytes bytes of both outputs together
 * @param processes processes and threads at a time, the command's own counted
 */
public record Limits(long memoryBytes, Duration cpuTime, Duration wallTime, long outputBytes, int processes) {
    /** No limits but 16 MiB of output. */
    public static final Limits NONE =
            new Limits(0, Duration.ZERO, Duration.ZERO, Command.DEFAULT_OUTPUT_LIMIT, 0);

    /** @throws IllegalArgumentException if a limit is negative */
    public Limits {
        Objects.requireNonNull(cpuTime, "cpuTime");
        Objects.requireNonNull(wallTime, "wallTime");
        if (memoryBytes < 0 || outputBytes < 0 || processes < 0 || cpuTime.isNegative() || wallTime.isNegative()) {
            throw new IllegalArgumentException("limits: 0 or more");
        }
    }

    /** Returns these with another limit of memory. */
    public Limits memoryMiB(int mib) {
        return new Limits((long) mib << 20, cpuTime, wallTime, outputBytes, processes);
    }

    /** Returns these with another limit of CPU time. */
    public Limits cpuTime(Duration value) {
        return new Limits(memoryBytes, value, wallTime, outputBytes, processes);
    }

    /** Returns these with another limit of time. */
    public Limits wallTime(Duration value) {
        return new Limits(memoryBytes, cpuTime, value, outputBytes, processes);
    }

    /** Returns these with another limit of output. */
    public Limits outputBytes(long value) {
        return new Limits(memoryBytes, cpuTime, wallTime, value, processes);
    }

    /** Returns these with another limit of processes. */
    public Limits processes(int value) {
        return new Limits(memoryBytes, cpuTime, wallTime, outputBytes, value);
    }
}
