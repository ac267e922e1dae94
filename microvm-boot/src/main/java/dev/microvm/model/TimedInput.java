package dev.microvm.model;

import java.time.Duration;

/**
 * Something to be typed into the guest's serial port.
 *
 * @param at guest's time since the machine's start
 */
public record TimedInput(Duration at, String text) {}
