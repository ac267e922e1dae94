package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.maps;

import java.util.List;

/** What {@code -mon} says. */
final class MonitorFlag {
    static final Grammar<MonitorFlag> GRAMMAR = new Grammar<>(
            "-mon",
            "chardev",
            List.of(
                    maps("chardev=ID", "where it talks: a [-chardev](#-chardev)", (mon, value) -> mon.chardev = value),
                    maps(
                            "mode=readline|control",
                            "the monitor for people, the default, or QMP",
                            (mon, value) -> mon.qmp =
                                    Values.oneOf(value, "readline", "control").equals("control")),
                    maps("pretty=on|off", "indented QMP", (mon, value) -> mon.pretty = Values.isOn(value)),
                    Property.ignored("id, default", "nobody asks for it")));

    private String chardev = "";
    private boolean qmp;
    private boolean pretty;

    static void add(Invocation command, String text) {
        MonitorFlag mon = new MonitorFlag();
        GRAMMAR.apply(text, mon, command);
        command.monitors.add(new Invocation.MonitorWish(mon.chardev, mon.qmp, mon.pretty));
    }
}
