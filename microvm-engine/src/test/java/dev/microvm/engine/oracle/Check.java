package dev.microvm.engine.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Supplier;

/** Assertions that cost nothing while they hold, for millions of them. */
public final class Check {
    private Check() {}

    /** Fails unless two numbers are the same; shows them in hexadecimal. */
    public static void same(long actual, long expected, Supplier<String> name) {
        if (actual == expected) return;
        assertThat("%016x".formatted(actual)).as(name.get()).isEqualTo("%016x".formatted(expected));
    }
}
