package dev.microvm.cli.qemu;

import java.util.Arrays;
import java.util.function.BiConsumer;

/**
 * A property of an option of QEMU, and what it becomes here: a row of the table.
 *
 * @param syntax its name, or several separated by a comma and a space; after {@code =} the values,
 *     for the reader. A name that ends with {@code *} stands for all with that beginning
 * @param fate what happens to it
 * @param here what it becomes, why it changes nothing, or what to use instead
 * @param use sets its value
 * @param <T> what it is a property of
 */
record Property<T>(String syntax, Fate fate, String here, BiConsumer<T, String> use) {
    /** A property that becomes something. */
    static <T> Property<T> maps(String syntax, String here, BiConsumer<T, String> use) {
        return new Property<>(syntax, Fate.MAPPED, here, use);
    }

    /** A property that changes nothing. */
    static <T> Property<T> ignored(String syntax, String why) {
        return new Property<>(syntax, Fate.IGNORED, why, (target, value) -> {});
    }

    /** A property that is an error. */
    static <T> Property<T> refused(String syntax, String why) {
        return new Property<>(syntax, Fate.REFUSED, why, (target, value) -> {
            throw new OptionException(why);
        });
    }

    boolean isNamed(String key) {
        return Arrays.stream(syntax.split(", ")).anyMatch(each -> matches(each, key));
    }

    private static boolean matches(String written, String key) {
        int equals = written.indexOf('=');
        String name = equals < 0 ? written : written.substring(0, equals);
        return name.endsWith("*") ? key.startsWith(name.substring(0, name.length() - 1)) : key.equals(name);
    }
}
