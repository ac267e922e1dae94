package dev.microvm.model;

import java.time.Duration;
import java.util.Objects;

/**
 * Text to type into the guest's serial port.
 *
 * @param at guest time since the machine's start, 0 to 1000 days
 * @param text to type, as UTF-8
 */
public record TimedInput(Duration at, String text) {
    /** Refuses null. */
    public TimedInput {
        Objects.requireNonNull(at, "at");
        Objects.requireNonNull(text, "text");
    }
}
