package dev.microvm.clock;

import java.time.Instant;
import java.util.Objects;

/**
 * By what the time of a guest passes: all of it, from the time-stamp counter to the timers of
 * devices.
 */
public sealed interface GuestClock {
    /** The host's clock: the default. */
    GuestClock HOST = new Host();

    /** When the time of day begins where nobody says: 2000-01-01T00:00:00Z. */
    Instant DEFAULT_START = Instant.parse("2000-01-01T00:00:00Z");

    /**
     * The instructions that the guest executes; QEMU's {@code -icount}. While the guest waits, time
     * goes on to the next timer at once. So two runs with the same inputs are the same, instruction
     * for instruction, however fast or busy the host is.
     *
     * @param nanosPerInstruction how much time an instruction takes, 1 to 1,000 ns
     */
    static Instructions instructions(int nanosPerInstruction) {
        return new Instructions(nanosPerInstruction, DEFAULT_START);
    }

    /** The host's clock. */
    record Host() implements GuestClock {
        @Override
        public String toString() {
            return "the host's";
        }
    }

    /**
     * The instructions that the guest executes.
     *
     * @param nanosPerInstruction 1 to 1,000
     * @param start the time of day when the machine starts
     */
    record Instructions(int nanosPerInstruction, Instant start) implements GuestClock {
        /** The most that an instruction may take. */
        public static final int MAX_NANOS = 1000;

        /** Refuses a duration out of range. */
        public Instructions {
            if (nanosPerInstruction < 1 || nanosPerInstruction > MAX_NANOS) {
                throw new IllegalArgumentException(
                        "nanosPerInstruction: 1 to %d, was %d".formatted(MAX_NANOS, nanosPerInstruction));
            }
            Objects.requireNonNull(start, "start");
        }

        /** The same from another time of day on. */
        public Instructions startingAt(Instant newStart) {
            return new Instructions(nanosPerInstruction, newStart);
        }

        @Override
        public String toString() {
            return "%d ns for each instruction, from %s".formatted(nanosPerInstruction, start);
        }
    }
}
