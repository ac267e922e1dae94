package dev.microvm.cli;

import java.io.PrintStream;

/**
 * Says on standard error what takes its time: on a terminal in one line that the next replaces,
 * elsewhere, if it is asked for, in lines of their own. Any thread may call.
 */
public final class Progress implements AutoCloseable {
    private static final String CLEAR = "\r\033[K"; // ECMA-48: erase in line
    private static final long PAUSE_NANOS = 100_000_000; // between two figures of one step

    /** Whether to show it. */
    public enum When {
        /** On a terminal. */
        AUTO,
        /** Also elsewhere. */
        ALWAYS,
        /** Nowhere. */
        NEVER
    }

    private final PrintStream to;
    private final boolean shown;
    private final boolean terminal;
    private long lastFigures;
    private boolean dirty; // the terminal's line has text of ours

    Progress(PrintStream to, boolean shown, boolean terminal) {
        this.to = to;
        this.shown = shown;
        this.terminal = terminal;
    }

    /** Makes one that writes to standard error. */
    public static Progress of(When when) {
        boolean terminal = Terminals.isTerminal(Terminals.STDERR);
        return new Progress(System.err, when == When.ALWAYS || (when == When.AUTO && terminal), terminal);
    }

    /** Begins a step. */
    public synchronized void step(String text) {
        if (!shown) return;
        if (!terminal) {
            to.println("microvm: " + text);
            return;
        }
        to.print(CLEAR + text + " ...");
        to.flush();
        dirty = true;
    }

    /** Shows how far a step is, at most ten times a second; only on a terminal. */
    public synchronized void figures(String text) {
        if (!shown || !terminal) return;
        long now = System.nanoTime();
        if (dirty && now - lastFigures < PAUSE_NANOS) return;
        lastFigures = now;
        step(text);
    }

    /** Says something that stays, progress or not. */
    public synchronized void say(String text) {
        close();
        to.println("microvm: " + text);
    }

    /** Clears the line, before anything else is printed. */
    @Override
    public synchronized void close() {
        if (!dirty) return;
        to.print(CLEAR);
        to.flush();
        dirty = false;
    }
}
