package dev.microvm.cli.qemu;

import java.util.ArrayList;
import java.util.List;

/** What is wrong with a command line, and what its user should know; for one thread. */
final class Problems {
    private final List<String> problems = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();

    /** Adds a problem of an option, as it was given. */
    void add(String option, String what) {
        problems.add(option + ": " + what);
    }

    /** Adds something that does not keep the machine from starting. */
    void note(String option, String what) {
        notes.add(option + ": " + what);
    }

    /** Does a part of the work; its {@link OptionException} becomes a problem of {@code option}. */
    void guard(String option, Runnable work) {
        try {
            work.run();
        } catch (OptionException | IllegalArgumentException e) {
            add(option, String.valueOf(e.getMessage()));
        }
    }

    /** Returns the problems, in the order in which they were found. */
    List<String> problems() {
        return List.copyOf(problems);
    }

    List<String> notes() {
        return List.copyOf(notes);
    }
}
