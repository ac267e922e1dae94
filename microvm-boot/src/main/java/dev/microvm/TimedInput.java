package dev.microvm;

import java.time.Duration;

/**
 * Something to be typed into the guest's serial port.
 *
 * @param at guest's time since the machine's start
 */
record TimedInput(Duration at, String text) {}
