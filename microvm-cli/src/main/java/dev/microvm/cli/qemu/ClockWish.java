package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import dev.microvm.clock.GuestClock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.List;

/** What {@code -rtc} and {@code -icount} say. */
final class ClockWish {
    static final Grammar<Invocation> RTC = new Grammar<>(
            "-rtc",
            "",
            List.of(
                    maps(
                            "base=utc|localtime|DATETIME",
                            "`rtcClock(InstantSource)`: the host's time in UTC, the default, or in its zone; or a time such as"
                                    + " 2006-06-17T16:01:21, from which it continues",
                            (command, value) -> base(value, command)),
                    maps(
                            "clock=host|rt|vm",
                            "host, the default: the time of day of the host, except while the guest is paused. rt and vm are the same",
                            (command, value) -> Values.oneOf(value, "host", "rt", "vm")),
                    ignored("driftfix", "ticks are not lost")));

    static final Grammar<Invocation> ICOUNT = new Grammar<>(
            "-icount",
            "shift",
            List.of(
                    maps(
                            "shift=N",
                            "`hypervisor(ENGINE)`, `clock(GuestClock.instructions(2^N))`: 2^N ns for each instruction, N from 0 to 9",
                            (command, value) -> {
                                command.machine.accelerators.addFirst("tcg");
                                command.vm.clock(GuestClock.instructions(1 << Values.number(value, 0, 9)));
                            }),
                    maps(
                            "sleep=on|off, align=off",
                            "while the guest waits, time goes to the next timer at once, as with sleep=off",
                            (command, value) -> Values.isOn(value)),
                    refused(
                            "rr, rrfile, rrsnapshot",
                            "runs with the same input are equal without a record; use typeAt of a program for input")));

    private ClockWish() {}

    static void rtc(String text, Invocation command) {
        RTC.apply(text, command, command);
    }

    static void icount(String text, Invocation command) {
        ICOUNT.apply(text, command, command);
    }

    private static void base(String value, Invocation command) {
        InstantSource host = InstantSource.system();
        switch (value) {
            case "utc" -> {} // the default
            case "localtime" -> {
                ZoneOffset zone = ZoneId.systemDefault().getRules().getOffset(host.instant());
                command.vm.rtcClock(InstantSource.offset(host, Duration.ofSeconds(zone.getTotalSeconds())));
            }
            default -> command.vm.rtcClock(InstantSource.offset(host, Duration.between(host.instant(), time(value))));
        }
    }

    private static Instant time(String text) {
        try {
            LocalDateTime time = text.contains("T")
                    ? LocalDateTime.parse(text)
                    : LocalDate.parse(text).atStartOfDay();
            return time.toInstant(ZoneOffset.UTC);
        } catch (DateTimeParseException e) {
            throw new OptionException("utc, localtime or a time such as 2006-06-17T16:01:21, was \"" + text + "\"");
        }
    }
}
