package dev.microvm.sandbox;

import java.time.Duration;
import java.util.Map;
import java.util.Objects;

/**
 * What a run of a command came to.
 *
 * @param end how it ended
 * @param exitCode its exit status, or 128 plus the signal's number; -1 if it is not known
 * @param stdout what it wrote to its standard output, as UTF-8, up to the limit
 * @param stderr what it wrote to its standard error, as UTF-8, up to the limit
 * @param cpuTime CPU time of it and all that it started
 * @param peakMemory most bytes of memory that they had at a time
 * @param wallTime time from start to end, on the host's clock
 * @param files what {@link Command#collect} named and was there, by paths; together no more bytes
 *     than {@link Limits#outputBytes}
 * @param detail more in words, such as the guest's last lines; may be empty
 */
public record RunResult(
        End end,
        int exitCode,
        String stdout,
        String stderr,
        Duration cpuTime,
        long peakMemory,
        Duration wallTime,
        Map<String, byte[]> files,
        String detail) {
    /** How a run ended. */
    public enum End {
        /** The command exited. */
        EXITED,
        /** A signal ended it that no limit had sent. */
        SIGNAL,
        /** The guest's kernel killed it because memory ran out: its own limit, or the machine's. */
        OOM,
        /** It used all of its CPU time. */
        CPU_LIMIT,
        /** Its time was over. */
        WALL_LIMIT,
        /** It printed more than it may. */
        OUTPUT_LIMIT,
        /** It wanted more processes than it may have. */
        PROCESS_LIMIT,
        /** The guest, or the agent in it, ended first. */
        CRASHED
    }

    /** @throws NullPointerException if a component is null */
    public RunResult {
        Objects.requireNonNull(end, "end");
        Objects.requireNonNull(stdout, "stdout");
        Objects.requireNonNull(stderr, "stderr");
        Objects.requireNonNull(cpuTime, "cpuTime");
        Objects.requireNonNull(wallTime, "wallTime");
        files = Map.copyOf(Objects.requireNonNull(files, "files"));
        Objects.requireNonNull(detail, "detail");
    }

    /** Returns whether it exited with 0. */
    public boolean succeeded() {
        return end == End.EXITED && exitCode == 0;
    }
}
