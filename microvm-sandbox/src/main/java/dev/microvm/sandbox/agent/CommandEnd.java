package dev.microvm.sandbox.agent;

/**
 * How a command ended, as the agent says it.
 *
 * @param flags those of EXIT in {@link Wire}
 * @param code its exit status, or the signal that ended it: 0 to 255
 * @param cpuMicros CPU time in microseconds, 0 or more
 * @param peakMemory bytes, 0 or more
 * @param oomKills 0 or more
 */
public record CommandEnd(int flags, int code, long cpuMicros, long peakMemory, int oomKills) {
    /** Returns whether a flag is set. */
    public boolean has(int flag) {
        return (flags & flag) != 0;
    }
}
