package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;

import java.util.List;

/** The properties of {@code -name} and {@code -action}: a part of the table. */
final class RunProperties {
    static final Grammar<Invocation> NAME = new Grammar<>(
            "-name",
            "guest",
            List.of(
                    maps("guest=NAME", "`name(\"NAME\")`: 1 to 40 letters, digits, `. _ -`", (command, value) -> {
                        command.name = value;
                        command.vm.name(value);
                    }),
                    ignored("process, debug-threads", "threads always have names")));

    static final Grammar<Invocation> ACTION = new Grammar<>(
            "-action",
            "",
            List.of(
                    maps(
                            "reboot=reset|shutdown",
                            "shutdown: as `-no-reboot`",
                            (command, value) -> command.resetEnds =
                                    Values.oneOf(value, "reset", "shutdown").equals("shutdown")),
                    maps(
                            "shutdown=poweroff|pause",
                            "pause: as `-no-shutdown`",
                            (command, value) -> command.staysAfterShutdown =
                                    Values.oneOf(value, "poweroff", "pause").equals("pause")),
                    ignored("panic, watchdog", "there is no pvpanic and no watchdog")));

    private RunProperties() {}
}
