package dev.microvm.clock;

/** What a clock that was paused shows when it moves again. */
public enum ClockOnResume {
    /** The time at which it was paused: whoever reads it does not see the pause. */
    CONTINUE,
    /**
     * The time that it would show without the pause: timers that were due meanwhile fire at once.
     */
    CATCH_UP
}
