package dev.microvm.cli.qemu;

import java.util.ArrayList;
import java.util.List;

/**
 * The one table of what flags and properties of QEMU become here, as text: for docs/qemu-microvm.md
 * and for {@code help}. The rows are where they are used: {@link Flags} and each {@link Grammar}.
 */
final class QemuTable {
    /** The version of QEMU that is reported to programs: the one whose machine this is like. */
    static final int[] VERSION = {9, 2, 0};

    static final String VERSION_TEXT = "microvm, with the command line of QEMU emulator version %d.%d.%d\n"
            .formatted(VERSION[0], VERSION[1], VERSION[2]);

    private static final List<Grammar<?>> GRAMMARS = List.of(
            MachineProperties.ALL,
            MachineWish.ACCEL,
            MachineWish.SMP,
            MachineWish.MEMORY,
            ObjectTypes.TYPES,
            MemoryBackend.GRAMMAR,
            ThrottleGroup.GRAMMAR,
            ClockWish.ICOUNT,
            ClockWish.RTC,
            RunProperties.NAME,
            FwCfgItem.GRAMMAR,
            Drive.GRAMMAR,
            BlockNode.GRAMMAR,
            UserNetdev.GRAMMAR,
            TapNetdev.GRAMMAR,
            StreamNetdev.GRAMMAR,
            Chardev.GRAMMAR,
            MonitorFlag.GRAMMAR,
            RunProperties.ACTION);

    private QemuTable() {}

    /** Returns the table in Markdown. */
    static String markdown() {
        StringBuilder text = new StringBuilder();
        for (Flags.Group group : Flags.GROUPS) {
            title(text, "### " + group.title(), "flag");
            for (Flag flag : group.flags()) row(text, spelled(flag), flag.fate(), flag.here());
        }
        for (Grammar<?> each : GRAMMARS) section(text, each);
        title(text, "### -device", "device");
        for (DeviceTypes.Type<?> each : DeviceTypes.ALL) row(text, code(each.name()), Fate.MAPPED, each.here());
        DeviceTypes.REFUSED.forEach(each -> row(text, names(each.syntax()), each.fate(), each.here()));
        DeviceTypes.ALL.forEach(each -> section(text, each.grammar()));
        return text.toString().strip() + "\n";
    }

    private static void section(StringBuilder text, Grammar<?> grammar) {
        title(text, "### " + grammar.option(), "property");
        grammar.properties().forEach(each -> row(text, names(each.syntax()), each.fate(), each.here()));
    }

    private static void title(StringBuilder text, String title, String what) {
        text.append('\n').append(title).append("\n\n| ").append(what).append(" | here |\n| --- | --- |\n");
    }

    private static void row(StringBuilder text, String left, Fate fate, String here) {
        String right = switch (fate) {
            case MAPPED -> here;
            case IGNORED -> "no effect: " + here;
            case REFUSED -> "refused: " + here;
        };
        text.append("| ")
                .append(left)
                .append(" | ")
                .append(right.replace("|", "\\|"))
                .append(" |\n");
    }

    private static String spelled(Flag flag) {
        String argument = flag.hasArgument() ? " " + flag.argument() : "";
        List<String> all = new ArrayList<>();
        for (String each : flag.names().split(", ")) all.add(code(each + argument));
        return String.join(", ", all);
    }

    private static String names(String syntax) {
        List<String> all = new ArrayList<>();
        for (String each : syntax.split(", ")) all.add(code(each));
        return String.join(", ", all);
    }

    private static String code(String text) {
        return "`" + text.replace("|", "\\|") + "`";
    }

    /** Returns the properties of an option for a terminal. */
    static String textOf(Grammar<?> grammar) {
        StringBuilder text = new StringBuilder(grammar.option() + " options:\n");
        grammar.properties().stream()
                .filter(each -> each.fate() != Fate.REFUSED)
                .forEach(each -> text.append("  %-24s - %s%n".formatted(each.syntax(), plain(each.here()))));
        return text.toString();
    }

    /** Returns the flags for a terminal. */
    static String usage() {
        StringBuilder text = new StringBuilder(VERSION_TEXT).append("usage: microvm qemu [options]\n");
        for (Flags.Group group : Flags.GROUPS) {
            text.append('\n').append(group.title()).append(":\n");
            for (Flag flag : group.flags()) {
                String argument = flag.hasArgument() ? " " + flag.argument() : "";
                text.append("  ").append(flag.names()).append(argument).append("\n                ");
                text.append(plain(flag.here())).append('\n');
            }
        }
        return text.append("\nWith a terminal as mon:stdio, press 'ctrl-a h' to get some help.\n")
                .toString();
    }

    /** Without the marks of Markdown. */
    private static String plain(String text) {
        return text.replaceAll("\\[([^]]*)]\\([^)]*\\)", "$1").replace("`", "");
    }
}
