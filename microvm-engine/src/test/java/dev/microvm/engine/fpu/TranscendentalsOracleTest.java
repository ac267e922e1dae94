package dev.microvm.engine.fpu;

import dev.microvm.engine.oracle.Check;
import dev.microvm.engine.oracle.NativeOracle;
import dev.microvm.engine.oracle.NativeState;
import dev.microvm.engine.softfloat.FloatExceptions;
import java.io.IOException;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Transcendental instructions treat special operands as the real processor does. */
final class TranscendentalsOracleTest {
    /** Sign and exponent, significand. */
    private static final long[][] NUMBERS = {
        {0x0000, 0},
        {0x8000, 0},
        {0x3fff, 1L << 63},
        {0xbfff, 1L << 63},
        {0x7fff, 1L << 63},
        {0xffff, 1L << 63},
        {0x7fff, 0xc000_0000_0000_1234L},
        {0xffff, 0xe000_0000_0000_0000L},
        {0x7fff, 0x8000_0000_0000_4321L},
        {0x0000, 1},
        {0x8000, 0x1234_5678},
        {0x0000, 0x8000_0000_0000_0001L},
        {0x3ffe, 1L << 63},
        {0xbffe, 1L << 63},
        {0x4000, 1L << 63},
        {0xc000, 1L << 63},
        {0x3ffd, 0xc000_0000_0000_0000L},
        {0xbffd, 0x8888_0000_0000_0000L},
        {0x403e, 1L << 63},
        {0xc03e, 1L << 63},
        {0x4001, 0x1234_0000_0000_0000L},
        {0x7ffe, -1L},
        {0x0001, 1L << 63},
        {0x3fc0, 0x9000_0000_0000_0000L},
    };

    /**
     * Open, or, as PE and UE of a logarithm that is a whole number, set there although the result
     * is exact.
     */
    private static final int UNDEFINED =
            X87.C0 | X87.C1 | X87.C3 | FloatExceptions.PRECISION | FloatExceptions.UNDERFLOW;

    /**
     * Units in the last place for both of us: of logarithms the SDM (vol. 1, 8.3.10) allows 1.35 to
     * each.
     */
    private static final long TOLERANCE = 1;

    private static final long TOLERANCE_OF_LOGARITHMS = 2;

    // Beyond these an operand's result is undefined: Intel SDM vol. 2A, F2XM1, FYL2XP1
    private static final double MOST_OF_F2XM1 = 1;
    private static final double MOST_OF_FYL2XP1 = 1 - Math.sqrt(0.5);
    private static final double ANY = Double.POSITIVE_INFINITY;

    private static NativeOracle oracle;

    private final NativeState before = new NativeState(NUMBERS.length * NUMBERS.length);
    private final NativeState after = new NativeState(NUMBERS.length * NUMBERS.length);
    private final X87 f = new X87();

    @BeforeAll
    static void start() throws IOException, InterruptedException {
        oracle = NativeOracle.start();
    }

    @AfterAll
    static void stop() throws IOException {
        if (oracle != null) oracle.close();
    }

    private void compare(String what, int opcode, double most, Consumer<X87> ours) throws IOException {
        int count = 0;
        for (long[] x : NUMBERS) {
            for (long[] y : NUMBERS) {
                if (magnitude(x) > most) continue;
                before.st(count, 0, (int) x[0], x[1]);
                before.st(count, 1, (int) y[0], y[1]);
                before.tags(count++, 0b11);
            }
        }
        System.arraycopy(before.bytes(), 0, after.bytes(), 0, before.bytes().length);
        oracle.run(new byte[] {(byte) 0xd9, (byte) opcode}, after.bytes(), count);
        for (int i = 0; i < count; i++) {
            f.initialize();
            f.set(0, before.signExponent(i, 0), before.significand(i, 0));
            f.set(1, before.signExponent(i, 1), before.significand(i, 1));
            ours.accept(f);
            check(what, i);
        }
    }

    /** The absolute value of a number, 0 of a NaN and of what the x87 does not support. */
    private static double magnitude(long[] x) {
        int exponent = (int) x[0] & 0x7fff;
        if (exponent == 0x7fff) return x[1] == Long.MIN_VALUE ? Double.POSITIVE_INFINITY : 0;
        return x[1] < 0 ? Math.scalb((x[1] >>> 1) * 0x1p-62, exponent - 0x3fff) : 0;
    }

    private void check(String what, int i) {
        Check.same(f.used(), after.tags(i), () -> name(what, i) + ": tags");
        Check.same(f.status() & ~UNDEFINED, after.statusWord(i) & ~UNDEFINED, () -> name(what, i) + ": status");
        for (int n = 0; n < 2; n++) {
            int register = n;
            if (f.isEmpty(n)) continue;
            long off = Math.abs(f.significand(n) - after.significand(i, n));
            long tolerance = what.startsWith("fyl2x") ? TOLERANCE_OF_LOGARITHMS : TOLERANCE;
            Check.same(off <= tolerance ? 0 : off, 0, () -> name(what, i) + ": significand of ST" + register);
            Check.same(
                    f.signExponent(n), after.signExponent(i, n), () -> name(what, i) + ": exponent of ST" + register);
        }
    }

    private String name(String what, int i) {
        return "%s of ST0 %04x.%016x ST1 %04x.%016x, gives %04x.%016x here, %04x.%016x there"
                .formatted(
                        what,
                        before.signExponent(i, 0),
                        before.significand(i, 0),
                        before.signExponent(i, 1),
                        before.significand(i, 1),
                        f.signExponent(0),
                        f.significand(0),
                        after.signExponent(i, 0),
                        after.significand(i, 0));
    }

    @Test
    void f2xm1Agrees() throws IOException {
        compare("f2xm1", 0xf0, MOST_OF_F2XM1, X87Transcendentals::f2xm1);
    }

    @Test
    void fyl2xAgrees() throws IOException {
        compare("fyl2x", 0xf1, ANY, X87Transcendentals::fyl2x);
    }

    @Test
    void fyl2xp1Agrees() throws IOException {
        compare("fyl2xp1", 0xf9, MOST_OF_FYL2XP1, X87Transcendentals::fyl2xp1);
    }

    @Test
    void fptanAgrees() throws IOException {
        compare("fptan", 0xf2, ANY, X87Transcendentals::fptan);
    }

    @Test
    void fpatanAgrees() throws IOException {
        compare("fpatan", 0xf3, ANY, X87Transcendentals::fpatan);
    }

    @Test
    void fsincosAgrees() throws IOException {
        compare("fsincos", 0xfb, ANY, X87Transcendentals::fsincos);
    }

    @Test
    void fsinAgrees() throws IOException {
        compare("fsin", 0xfe, ANY, X87Transcendentals::fsin);
    }

    @Test
    void fcosAgrees() throws IOException {
        compare("fcos", 0xff, ANY, X87Transcendentals::fcos);
    }
}
