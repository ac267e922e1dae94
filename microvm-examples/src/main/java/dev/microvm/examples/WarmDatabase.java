package dev.microvm.examples;

import dev.microvm.sandbox.ExecResult;
import dev.microvm.sandbox.Sandbox;
import dev.microvm.sandbox.SandboxBuilder;
import dev.microvm.sandbox.root.Root;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Tests that each have a database of their own, filled and warm: it is filled once, and each test
 * runs in a fork of that guest. What a test writes, no other sees, and nothing is cleaned up.
 *
 * <p>Arguments: a root with {@code /usr/bin/sqlite3}, as {@code scripts/guest-files sqlite} makes it;
 * how many tests, 100 by default.
 */
public final class WarmDatabase {
    private static final int TESTS = 100;
    private static final int ORDERS = 20_000;
    private static final int MICROS_PER_MILLI = 1000;
    private static final String FILL = """
            CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, cents INTEGER);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
                INSERT INTO orders SELECT i, i %% 100, i * 7 %% 9973 + 2 FROM n;
            CREATE INDEX by_customer ON orders (customer);
            SELECT count(*), sum(cents) FROM orders;
            """.formatted(ORDERS);

    private WarmDatabase() {}

    /** Runs the tests, and prints how long each took. */
    public static void main(String[] args) {
        int tests = args.length > 1 ? Integer.parseInt(args[1]) : TESTS;
        List<Duration> times = run(Sandbox.builder().root(Root.directory(Path.of(args[0]))), tests);
        Duration all = times.stream().reduce(Duration.ZERO, Duration::plus);
        System.out.printf("%d tests, each in a fork: %.1f ms each%n", tests, millis(all) / tests);
    }

    /** Runs tests in forks of one guest, and returns how long each took, from the fork to its end. */
    static List<Duration> run(SandboxBuilder guest, int tests) {
        List<Duration> times = new ArrayList<>();
        try (Sandbox filled = guest.start()) {
            sql(filled, FILL);
            for (int test = 0; test < tests; test++) {
                long begin = System.nanoTime();
                try (Sandbox fork = filled.fork()) {
                    String left = sql(fork, test(test % 100)).strip();
                    int expected = ORDERS - ORDERS / 100 + 1; // whatever the other tests did
                    if (Integer.parseInt(left) != expected) {
                        throw new AssertionError("test %d: %s orders are left".formatted(test, left));
                    }
                }
                times.add(Duration.ofNanos(System.nanoTime() - begin));
                System.out.printf("test %d: %.1f ms%n", test, millis(times.getLast()));
            }
        }
        return times;
    }

    /** Returns what a test does: a customer's orders go, but for a new one. */
    private static String test(int customer) {
        return """
                INSERT INTO orders (customer, cents) VALUES (%d, 1);
                DELETE FROM orders WHERE customer = %d AND cents > 1;
                SELECT count(*) FROM orders;
                """.formatted(customer, customer);
    }

    private static String sql(Sandbox guest, String statements) {
        ExecResult result = guest.exec("/usr/bin/sqlite3", "/tmp/shop.db", statements);
        if (result.exitCode() != 0) throw new AssertionError(result.stderr());
        return result.stdout();
    }

    private static double millis(Duration time) {
        return time.toNanos() / 1000.0 / MICROS_PER_MILLI;
    }
}
