package dev.microvm.cli.attach;

/** Signals that commands get: signal(7). */
public final class Signals {
    public static final int HUP = 1;
    public static final int KILL = 9;
    public static final int PIPE = 13;
    public static final int TERM = 15;

    private Signals() {}
}
