package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.QmpServer.ordered;

import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/** The commands of QMP: names, arguments and results are those of QEMU's qapi/*.json. */
final class QmpCommands {
    /** A command. */
    private record Handler(Set<String> arguments, Function<Map<?, ?>, Object> action) {}

    private static final Object NOTHING = Map.of();

    private final Control control;
    private final Map<String, Handler> handlers = new LinkedHashMap<>();

    QmpCommands(Control control) {
        this.control = control;
        add("qmp_capabilities", Set.of("enable"), none -> NOTHING);
        add("query-version", none -> version());
        add(
                "query-commands",
                none -> handlers.keySet().stream()
                        .map(each -> Map.of("name", each))
                        .toList());
        add("query-status", none -> ordered("status", control.status(), "running", control.isRunning()));
        add("query-name", none -> control.command().name.isEmpty() ? NOTHING : Map.of("name", control.command().name));
        add("query-uuid", none -> Map.of("UUID", control.command().uuid));
        add("query-kvm", none -> ordered("enabled", control.vm().hypervisor().equals("kvm"), "present", true));
        add(
                "query-machines",
                none -> List.of(ordered(
                        "name",
                        "microvm",
                        "is-default",
                        true,
                        "cpu-max",
                        254,
                        "hotpluggable-cpus",
                        false,
                        "numa-mem-supported",
                        false,
                        "deprecated",
                        false)));
        add("query-target", none -> Map.of("arch", "x86_64"));
        add("query-cpus-fast", none -> cpus());
        add("query-block", none -> disks());
        add("query-chardev", none -> chardevs());
        add("query-iothreads", none -> List.of());
        add(
                "query-memory-size-summary",
                none -> Map.of("base-memory", (long) control.command().machine.memoryMiB << 20));
        add("query-balloon", none -> balloon());
        add("balloon", Set.of("value"), this::balloon);
        add("stop", none -> done(control::stop));
        add("cont", none -> done(control::cont));
        add("system_powerdown", none -> done(control::powerDown));
        add("system_reset", none -> done(control::reset));
        add("quit", none -> NOTHING); // the server ends the program when it has answered
        add(
                "send-key",
                Set.of("keys", "hold-time"),
                given -> done(() -> {
                    KeyPress.sendKey(list(given, "keys"), control);
                }));
        add(
                "input-send-event",
                Set.of("events", "device", "head"),
                given -> done(() -> {
                    KeyPress.inputEvents(list(given, "events"), control);
                }));
        add("human-monitor-command", Set.of("command-line", "cpu-index"), this::human);
    }

    private void add(String name, Function<Map<?, ?>, Object> action) {
        add(name, Set.of(), action);
    }

    private void add(String name, Set<String> arguments, Function<Map<?, ?>, Object> action) {
        handlers.put(name, new Handler(arguments, action));
    }

    boolean has(String name) {
        return handlers.containsKey(name);
    }

    /** Runs a command that there is; throws a {@link RuntimeException} whose message is the error. */
    Object run(String name, Map<?, ?> arguments) {
        Handler handler = handlers.get(name);
        if (handler == null) throw new OptionException("The command " + name + " has not been found");
        for (Object each : arguments.keySet()) {
            if (!handler.arguments().contains(each.toString()))
                throw new OptionException("Parameter '" + each + "' is unexpected");
        }
        return handler.action().apply(arguments);
    }

    private static Object done(Runnable action) {
        action.run();
        return NOTHING;
    }

    static Map<String, Object> version() {
        int[] version = QemuTable.VERSION;
        return ordered(
                "qemu", ordered("micro", version[2], "minor", version[1], "major", version[0]), "package", "microvm");
    }

    private Object cpus() {
        List<Object> cpus = new ArrayList<>();
        long process = ProcessHandle.current().pid();
        for (int i = 0; i < control.command().machine.vcpus(); i++) {
            cpus.add(ordered(
                    "thread-id",
                    process,
                    "props",
                    ordered("core-id", i, "thread-id", 0, "socket-id", 0),
                    "qom-path",
                    "/machine/unattached/device[" + i + "]",
                    "cpu-index",
                    i,
                    "target",
                    "x86_64"));
        }
        return cpus;
    }

    private Object disks() {
        List<Object> disks = new ArrayList<>();
        for (int i = 0; i < control.command().disks.size(); i++) {
            VirtioBlkOptions options = control.vm().disk(i).options();
            Map<String, Object> inserted = ordered(
                    "file", options.image().path().toString(),
                    "drv", options.image().format().name().toLowerCase(Locale.ROOT),
                    "ro", options.image().isReadOnly(),
                    "encrypted", false,
                    "bps", options.rateLimit().bytesPerSecond(),
                    "iops", options.rateLimit().operationsPerSecond());
            disks.add(ordered(
                    "device",
                    control.command().disks.get(i),
                    "locked",
                    false,
                    "removable",
                    false,
                    "type",
                    "unknown",
                    "io-status",
                    "ok",
                    "inserted",
                    inserted));
        }
        return disks;
    }

    private Object chardevs() {
        List<Object> all = new ArrayList<>();
        control.command()
                .chardevs
                .forEach((id, each) -> all.add(ordered(
                        "label", id, "filename", each.kind.name().toLowerCase(Locale.ROOT), "frontend-open", true)));
        return all;
    }

    private static List<?> list(Map<?, ?> arguments, String name) {
        return argument(arguments, name, List.class, "array");
    }

    private static <T> T argument(Map<?, ?> arguments, String name, Class<T> type, String typeName) {
        Object value = arguments.get(name);
        if (value == null) throw new OptionException("Parameter '" + name + "' is missing");
        if (!type.isInstance(value)) {
            throw new OptionException("Invalid parameter type for '" + name + "', expected: " + typeName);
        }
        return type.cast(value);
    }

    private Object balloon() {
        return Map.of("actual", control.memoryWithoutBalloon());
    }

    private Object balloon(Map<?, ?> arguments) {
        BigInteger bytes = argument(arguments, "value", BigInteger.class, "integer");
        if (bytes.signum() <= 0 || bytes.bitLength() >= Long.SIZE) {
            throw new OptionException("Parameter 'value' expects a size");
        }
        long mib = bytes.longValue() >> 20;
        return done(() -> control.vm().balloon().targetMiB((int) Math.max(0, memoryMiB() - mib)));
    }

    private int memoryMiB() {
        return control.command().machine.memoryMiB;
    }

    private Object human(Map<?, ?> arguments) {
        return new HumanCommands(control).run(argument(arguments, "command-line", String.class, "string"));
    }
}
