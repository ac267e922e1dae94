package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;

import java.util.List;

/** What {@code -object} says: parts that others name. */
final class ObjectTypes {
    /** The types that there are. */
    static final Grammar<Invocation> TYPES = new Grammar<>(
            "-object",
            "",
            List.of(
                    maps(
                            "memory-backend-ram, memory-backend-memfd, memory-backend-file",
                            "`ram(...)`: see [-object memory-backend](#-object-memory-backend)",
                            ObjectTypes::memory),
                    maps("rng-random, rng-builtin", "`virtioRng()`: the host's randomness", ObjectTypes::rng),
                    maps("throttle-group", "see [-object throttle-group](#-object-throttle-group)", (command, text) -> {
                        ThrottleGroup group = new ThrottleGroup();
                        ThrottleGroup.GRAMMAR.apply(rest(text), group, command);
                        command.keep(command.throttleGroups, group.id, "throttle group", group);
                    }),
                    ignored("iothread, thread-context, main-loop", "each disk has threads of its own"),
                    Property.refused(
                            "rng-egd, secret, secret_keyring, tls-*, authz-*, filter-*, colo-compare, cryptodev-*, input-*,"
                                    + " can-*, sev-*, pr-manager-helper, qtest, x-*, dbus-*, can-bus",
                            "not here; leave it out")));

    private static final Grammar<StringBuilder> RNG = new Grammar<>(
            "-object rng-random",
            "",
            List.of(
                    maps("id=ID", "the name for `rng=ID` of the device", StringBuilder::append),
                    maps("filename=/dev/urandom|/dev/random", "the host's randomness", (id, value) -> {
                        Values.oneOf(value, "/dev/urandom", "/dev/random", "/dev/hwrng");
                    })));

    private ObjectTypes() {}

    /** Adds one of a command line. */
    static void add(String text, Invocation command) {
        List<KeyValue> pairs = KeyValue.parse(text, "qom-type");
        String type = pairs.stream()
                .filter(each -> each.key().equals("qom-type"))
                .findFirst()
                .map(KeyValue::value)
                .orElseThrow(() -> new OptionException("needs a type"));
        if (type.equals("help")) {
            command.help(QemuTable.textOf(TYPES));
            return;
        }
        String same = text.startsWith("{") ? type + "," + joined(pairs) : text;
        TYPES.apply(List.of(new KeyValue(type, same, false)), type, command, command);
    }

    private static String joined(List<KeyValue> pairs) {
        return String.join(
                ",",
                pairs.stream()
                        .filter(each -> !each.key().equals("qom-type"))
                        .map(KeyValue::toString)
                        .toList());
    }

    private static String rest(String text) {
        int comma = text.indexOf(',');
        return comma < 0 ? "" : text.substring(comma + 1);
    }

    private static void memory(Invocation command, String text) {
        MemoryBackend backend = new MemoryBackend(text.split(",")[0]);
        MemoryBackend.GRAMMAR.apply(rest(text), backend, command);
        command.keep(command.memoryBackends, backend.id, "memory backend", backend);
    }

    private static void rng(Invocation command, String text) {
        StringBuilder id = new StringBuilder();
        RNG.apply(rest(text), id, command);
        command.rngs.add(id.toString());
    }
}
