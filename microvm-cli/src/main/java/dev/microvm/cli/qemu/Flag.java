package dev.microvm.cli.qemu;

import java.util.List;
import java.util.function.BiConsumer;

/**
 * A flag of QEMU, and what it becomes here: a row of the table.
 *
 * @param names its name, or several separated by a comma and a space
 * @param argument what follows it, for the reader; empty if nothing does
 * @param fate what happens to it
 * @param here what it becomes, why it changes nothing, or what to use instead
 * @param use does what it stands for, with its argument
 */
record Flag(String names, String argument, Fate fate, String here, BiConsumer<Invocation, String> use) {
    static Flag maps(String names, String argument, String here, BiConsumer<Invocation, String> use) {
        return new Flag(names, argument, Fate.MAPPED, here, use);
    }

    static Flag ignored(String names, String argument, String why) {
        return new Flag(names, argument, Fate.IGNORED, why, (command, value) -> {});
    }

    static Flag refused(String names, String argument, String why) {
        return new Flag(names, argument, Fate.REFUSED, why, (command, value) -> {
            throw new OptionException(why);
        });
    }

    boolean isNamed(String name) {
        return List.of(names.split(", ")).contains(name);
    }

    boolean hasArgument() {
        return !argument.isEmpty();
    }
}
