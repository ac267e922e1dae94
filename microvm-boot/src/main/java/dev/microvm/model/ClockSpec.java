package dev.microvm.model;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.clock.GuestClock;
import dev.microvm.devices.legacy.Uart16550;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The guest's time.
 *
 * @param clock by what it passes
 * @param ownRtcClock whether the real-time clock shows a time that code supplies, instead of the host's
 * @param typed what is typed on the serial port at given times
 */
public record ClockSpec(GuestClock clock, boolean ownRtcClock, List<TimedInput> typed) {
    /** The host's time, and nothing typed. */
    public static final ClockSpec DEFAULT = new ClockSpec(GuestClock.HOST, false, List.of());

    private static final Duration LATEST_TYPING = Duration.ofDays(1000);

    /** Takes a copy of the list. */
    public ClockSpec {
        typed = List.copyOf(typed);
    }

    /** The same with another clock. */
    public ClockSpec withClock(GuestClock value) {
        return new ClockSpec(value, ownRtcClock, typed);
    }

    /** The same with a real-time clock that code supplies. */
    public ClockSpec withOwnRtcClock() {
        return new ClockSpec(clock, true, typed);
    }

    /** The same with something more to be typed. */
    public ClockSpec withTyped(TimedInput input) {
        return new ClockSpec(clock, ownRtcClock, Lists.with(typed, input));
    }

    /** Whether time passes by the host's clock. */
    public boolean isHosts() {
        return clock instanceof GuestClock.Host;
    }

    /** What is out of range or contradicts itself. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        for (TimedInput input : typed) {
            if (input.at().isNegative() || input.at().compareTo(LATEST_TYPING) > 0) {
                problems.add("typeAt: a time of 0 to %d days, was %s".formatted(LATEST_TYPING.toDays(), input.at()));
            }
        }
        int size = typed.stream()
                .mapToInt(each -> each.text().getBytes(UTF_8).length)
                .sum();
        if (size > Uart16550.INPUT_CAPACITY) {
            problems.add("typeAt: at most %d bytes in all, was %d".formatted(Uart16550.INPUT_CAPACITY, size));
        }
        if (ownRtcClock && !isHosts()) {
            problems.add(
                    "rtcClock: not with clock(%s), whose time it shows: use GuestClock.instructions(...).startingAt"
                            .formatted(clock));
        }
        return problems;
    }
}
