package dev.microvm.cli.qemu;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The properties that an option can have: a part of the table.
 *
 * @param option the option as it is written, such as {@code -drive} or {@code -device virtconsole}
 * @param implied the key of a first value without one; empty if there is none
 * @param properties the properties; the first that has a key's name is taken
 * @param <T> what the option becomes
 */
record Grammar<T>(String option, String implied, List<Property<T>> properties) {
    /** Sets all properties in a text; whatever is wrong with them becomes problems. */
    void apply(String text, T target, Invocation command) {
        command.problems()
                .guard(option + " " + text, () -> apply(KeyValue.parse(text, implied), text, target, command));
    }

    /** The same with properties that were read before, of an option that was written as {@code text}. */
    void apply(List<KeyValue> pairs, String text, T target, Invocation command) {
        for (KeyValue each : pairs) {
            if (each.alone() && (each.key().equals("help") || each.key().equals("?"))) {
                command.help(QemuTable.textOf(this));
                return;
            }
            command.problems().guard(option + " " + shortened(text) + ": " + each.key(), () -> set(each, target));
        }
    }

    private void set(KeyValue given, T target) {
        Optional<Property<T>> named = property(given.key());
        String value = given.value();
        if (named.isEmpty() && given.alone() && given.key().startsWith("no")) { // QEMU's short form of key=off
            named = property(given.key().substring(2));
            value = "off";
        }
        if (named.isEmpty()) throw new OptionException("there is no such property; use one of " + names());
        named.get().use().accept(target, value);
    }

    private Optional<Property<T>> property(String key) {
        return properties.stream().filter(each -> each.isNamed(key)).findFirst();
    }

    /** The names that become something, for messages. */
    private String names() {
        return properties.stream()
                .filter(each -> each.fate() == Fate.MAPPED)
                .map(each -> each.syntax().replaceAll("=[^, ]*", ""))
                .collect(Collectors.joining(", "));
    }

    /** A long value is recognized by its beginning. */
    private static String shortened(String text) {
        int comma = text.indexOf(',');
        return comma < 0 ? text : text.substring(0, comma) + ",...";
    }
}
