package dev.microvm.model;

import java.time.Duration;
import java.util.List;
import java.util.Objects;

/**
 * How often a guest that resets itself may start again: see {@link ResetAction#RESTART}. Beyond
 * that its next reset ends it, so that one that cannot start does not keep the host busy for ever.
 *
 * @param most number of restarts, 0 to 100,000
 * @param within time in which these are counted, up to 1 day
 */
public record RestartLimit(int most, Duration within) {
    /** 60 restarts within a minute. */
    public static final RestartLimit DEFAULT = new RestartLimit(60, Duration.ofMinutes(1));

    private static final int MAX = 100_000;
    private static final Duration LONGEST = Duration.ofDays(1);

    /** Refuses null. */
    public RestartLimit {
        Objects.requireNonNull(within, "within");
    }

    /** Returns what is out of range. */
    public List<String> problems() {
        boolean right = most >= 0 && most <= MAX && within.isPositive() && within.compareTo(LONGEST) <= 0;
        return right
                ? List.of()
                : List.of("restartLimit: 0 to %d restarts within up to %d hours, was %s"
                        .formatted(MAX, LONGEST.toHours(), this));
    }

    @Override
    public String toString() {
        boolean inRange = within.isPositive() && within.compareTo(LONGEST) <= 0; // else it may have no number of ms
        return most + " within " + (inRange ? within.toMillis() + " ms" : within);
    }
}
