package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Compiler;
import java.util.Locale;

/** When guest code is compiled: the system property {@value #PROPERTY}. */
public enum Tier {
    /** Never. */
    OFF,
    /** What runs often, on a thread of its own. */
    AUTO,
    /** Everything when it first runs, before it runs: for tests. */
    ALWAYS;

    /** Sets when code is compiled: {@code off}, {@code auto} or {@code always}. */
    public static final String PROPERTY = "microvm.engine.compile";

    private static final Tier CHOSEN = read();

    private static Tier read() {
        String value = System.getProperty(PROPERTY, "auto");
        try {
            return valueOf(value.toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("-D%s=%s: must be off, auto or always".formatted(PROPERTY, value), e);
        }
    }

    /** Returns what the property says. */
    public static Tier chosen() {
        return CHOSEN;
    }

    /** Returns a compiler for one CPU. */
    public Compiler compiler() {
        return this == OFF ? Compiler.NONE : new RegionCompiler(this == ALWAYS);
    }
}
