package dev.microvm.model;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.clock.GuestClock;
import dev.microvm.devices.legacy.Uart16550;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The guest's time.
 *
 * @param clock what drives it
 * @param ownRtcClock whether code supplies the time of the real-time clock; otherwise the host does
 * @param typed text for the serial port, at given guest times
 */
public record ClockSpec(GuestClock clock, boolean ownRtcClock, List<TimedInput> typed) {
    /** The host's time, and nothing typed. */
    public static final ClockSpec DEFAULT = new ClockSpec(GuestClock.HOST, false, List.of());

    private static final Duration LATEST_TYPING = Duration.ofDays(1000);

    /** Copies the list. */
    public ClockSpec {
        Objects.requireNonNull(clock, "clock");
        Objects.requireNonNull(typed, "typed");
        typed = List.copyOf(typed);
    }

    /** The same with another clock. */
    public ClockSpec withClock(GuestClock value) {
        return new ClockSpec(value, ownRtcClock, typed);
    }

    /** The same with a real-time clock whose time code supplies. */
    public ClockSpec withOwnRtcClock() {
        return new ClockSpec(clock, true, typed);
    }

    /** The same with more typed text. */
    public ClockSpec withTyped(TimedInput input) {
        Objects.requireNonNull(input, "input");
        return new ClockSpec(clock, ownRtcClock, Lists.with(typed, input));
    }

    /** Whether the host's clock drives guest time. */
    public boolean isHosts() {
        return clock instanceof GuestClock.Host;
    }

    /**
     * Returns what is out of range or contradictory, each problem with option, value and remedy.
     */
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
                    "rtcClock: not with clock(%s), which supplies the time: use GuestClock.instructions(...).startingAt"
                            .formatted(clock));
        }
        return problems;
    }
}
