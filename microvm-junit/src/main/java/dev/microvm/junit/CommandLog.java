package dev.microvm.junit;

import dev.microvm.sandbox.Command;
import dev.microvm.sandbox.ExecResult;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.Supplier;

/** The last commands that a test ran in a guest, for the report of its failure. Any thread may call. */
final class CommandLog {
    private static final int KEPT = 10;
    private static final int OUTPUT_CHARS = 400; // of each output

    private final Deque<String> entries = new ArrayDeque<>();

    /** Runs a command and notes how it ended. */
    ExecResult run(Command command, Supplier<ExecResult> execution) {
        long start = System.nanoTime();
        try {
            ExecResult result = execution.get();
            add(command, "exit code " + result.exitCode(), start, output(result.stdout()) + output(result.stderr()));
            return result;
        } catch (RuntimeException e) {
            add(command, String.valueOf(e.getMessage()), start, "");
            throw e;
        }
    }

    private synchronized void add(Command command, String end, long start, String output) {
        if (entries.size() == KEPT) entries.removeFirst();
        long millis = Duration.ofNanos(System.nanoTime() - start).toMillis();
        entries.addLast("%s: %s, %d ms%s".formatted(command, end, millis, output));
    }

    private static String output(String text) {
        String stripped = text.strip();
        if (stripped.isEmpty()) return "";
        String end = stripped.substring(Math.max(0, stripped.length() - OUTPUT_CHARS));
        return "\n" + end.indent(4).stripTrailing();
    }

    /** Returns them, the oldest first. */
    synchronized List<String> entries() {
        return List.copyOf(entries);
    }
}
