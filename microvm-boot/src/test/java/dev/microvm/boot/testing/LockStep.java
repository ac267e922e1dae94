package dev.microvm.boot.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.testing.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * A boot of Linux on the engine, in two JVMs: one executes instruction by instruction, the other
 * compiles. Their states are compared at the same instructions ({@link StateTrace}). Where they
 * differ first, both boot again and are compared at each block from the last state that was the same
 * on.
 */
public final class LockStep {
    private final Path folder;
    private final String tier;
    private String last = ""; // state that both had
    private long states;

    private LockStep(Path folder, String tier) {
        this.folder = folder;
        this.tier = tier;
    }

    /**
     * Compares, and prints what came of it; the exit code is 1 if there is a difference.
     *
     * @param arguments a folder for the kernel; {@code always} or {@code auto}; instructions from one
     *     state to the next
     */
    public static void main(String[] arguments) throws Exception {
        LockStep lockStep = new LockStep(Path.of(arguments[0]), arguments[1]);
        String difference = lockStep.compare(0, Long.parseLong(arguments[2]));
        if (difference.isEmpty()) {
            System.out.printf("%d states are the same; the last: %s%n", lockStep.states, lockStep.last);
            return;
        }
        System.out.println(difference);
        long since = lockStep.states == 0 ? 0 : Long.parseLong(lockStep.last.split(" ", 2)[0]);
        System.out.println(lockStep.compare(since, 1));
        System.exit(1);
    }

    /** Returns the first difference, or nothing. */
    private String compare(long from, long period) throws IOException {
        Process interpreting = start("off", from, period);
        Process compiling = start(tier, from, period);
        try (BufferedReader one = interpreting.inputReader(UTF_8);
                BufferedReader other = compiling.inputReader(UTF_8)) {
            while (true) {
                String expected = one.readLine();
                String actual = other.readLine();
                if (expected == null && actual == null) return "";
                if (expected == null || !expected.equals(actual)) {
                    return "after     %s%noff       %s%n%-9s %s".formatted(last, expected, tier, actual);
                }
                last = expected;
                states++;
            }
        } finally {
            interpreting.destroyForcibly();
            compiling.destroyForcibly();
        }
    }

    private Process start(String compile, long from, long period) throws IOException {
        return new ProcessBuilder(List.of(
                        ChildJvm.java(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-Dmicrovm.engine.compile=" + compile,
                        "-cp",
                        ChildJvm.classPath(),
                        StateTrace.class.getName(),
                        folder.toString(),
                        Long.toString(from),
                        Long.toString(period)))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }
}
