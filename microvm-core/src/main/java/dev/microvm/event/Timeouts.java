package dev.microvm.event;

import java.time.Duration;
import java.util.Objects;

/** Checks the times that callers are ready to wait. */
public final class Timeouts {
    /** Longer than any JVM runs, and safe to add to {@link System#nanoTime}. */
    private static final Duration LONGEST = Duration.ofNanos(Long.MAX_VALUE / 2);

    private Timeouts() {}

    /**
     * Returns a time in nanoseconds; a very long one is some hundred years.
     *
     * @param parameter the name of the parameter, for messages
     * @throws IllegalArgumentException if it is negative
     */
    public static long nanos(String parameter, Duration value) {
        Objects.requireNonNull(parameter, "parameter");
        Objects.requireNonNull(value, parameter);
        if (value.isNegative()) {
            throw new IllegalArgumentException(parameter + ": 0 or more, was " + value);
        }
        return value.compareTo(LONGEST) < 0 ? value.toNanos() : LONGEST.toNanos();
    }
}
