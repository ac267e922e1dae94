package dev.microvm.sandbox;

import java.time.Duration;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * How a command in the guest ended, as the guest's kernel says it.
 *
 * @param exitStatus the status it exited with, 0 to 255; empty if a signal ended it
 * @param signal the signal that ended it; empty if it exited
 * @param timedOut whether it was killed because its time was over
 * @param cpuLimitReached whether it was killed because it had used its CPU time
 * @param processLimitReached whether it was killed because it wanted more processes than it may have
 * @param oomKills how many of its processes were killed because memory ran out
 * @param cpuTime CPU time of it and all that it started; 0 if the guest has no control groups
 * @param peakMemory most bytes of memory that they had at a time; 0 if the guest has no control
 *     groups
 */
public record ProcessEnd(
        OptionalInt exitStatus,
        OptionalInt signal,
        boolean timedOut,
        boolean cpuLimitReached,
        boolean processLimitReached,
        int oomKills,
        Duration cpuTime,
        long peakMemory) {
    private static final int SIGNALED = 128; // what shells add to a signal's number

    /** @throws NullPointerException if a component is null */
    public ProcessEnd {
        Objects.requireNonNull(exitStatus, "exitStatus");
        Objects.requireNonNull(signal, "signal");
        Objects.requireNonNull(cpuTime, "cpuTime");
    }

    /** Returns the exit status; 128 plus the signal's number if a signal ended it. */
    public int exitCode() {
        return exitStatus.orElseGet(() -> SIGNALED + signal.orElse(0));
    }
}
