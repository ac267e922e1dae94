package dev.microvm.engine.exec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.EngineHypervisor;
import dev.microvm.engine.oracle.Case;
import dev.microvm.engine.oracle.CaseBatch;
import dev.microvm.engine.oracle.CaseOracle;
import dev.microvm.engine.oracle.Expectation;
import dev.microvm.engine.oracle.Outcome;
import dev.microvm.engine.oracle.UserCaseGenerator;
import dev.microvm.engine.oracle.UserCaseMachine;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Any instruction that a program may run does what the real processor does: the whole engine, decoder to delivered exception,
 * against a process of Linux. {@code -Dmicrovm.oracle.cases=N} sets how many are tried, {@code -Dmicrovm.oracle.seed=N}
 * tries others, or repeats what a failure names.
 */
@Timeout(3600)
final class InstructionOracleTest {
    private static final int BATCH = 256;
    private static final long CASES = Long.getLong("microvm.oracle.cases", 100_000);
    private static final int MOST_FAILURES = Integer.getInteger("microvm.oracle.failures", 10);

    private static final long TASK_SIZE = 0x7FFF_FFFF_F000L; // of Linux: where the addresses of programs end
    private static final int BP = 3;
    private static final long ERROR_SUMMARY = 1L << (16 + 7); // of the x87's status word
    private static final int SS = 12;
    private static final int GP = 13;
    private static final int PF = 14;

    private final CaseBatch batch = new CaseBatch(BATCH);
    private final Expectation[] expectations = new Expectation[BATCH];
    private final CaseBatch.Outcomes expected = new CaseBatch.Outcomes(BATCH);
    private final CaseBatch.Outcomes actual = new CaseBatch.Outcomes(BATCH);
    private final List<String> failures = new ArrayList<>();

    @Test
    void doesWhatTheProcessorDoes() throws IOException, InterruptedException {
        long seed = Long.getLong("microvm.oracle.seed", 20_261_121);
        long start = System.nanoTime();
        long done = 0;
        try (CaseOracle real = CaseOracle.start();
                UserCaseMachine ours = new UserCaseMachine(new EngineHypervisor())) {
            while (done < CASES && failures.size() < MOST_FAILURES) {
                new UserCaseGenerator(seed).fill(batch, expectations);
                real.run(batch, BATCH, expected);
                ours.run(batch, BATCH, actual);
                compare(real, ours, seed);
                seed++;
                done += BATCH;
            }
        }
        System.out.printf("%,d cases in %.1f s%n", done, (System.nanoTime() - start) / 1e9);
        assertThat(String.join(System.lineSeparator(), failures)).isEmpty();
    }

    private void compare(CaseOracle real, UserCaseMachine ours, long seed) throws IOException {
        for (int i = 0; i < BATCH; i++) {
            String difference = difference(batch.get(i), expectations[i], expected.get(i), actual.get(i));
            boolean memoryDiffers = expected.get(i).checksum() != actual.get(i).checksum();
            if (difference.isEmpty() && memoryDiffers) return; // which it may: what follows cannot be compared
            if (difference.isEmpty()) continue;
            String memory = "";
            if (memoryDiffers) {
                real.run(batch, i + 1, expected);
                ours.run(batch, i + 1, actual);
                memory = memoryDifference();
            }
            failures.add("seed %d, case %d: %s%n%s%s".formatted(seed, i, describe(batch.get(i)), difference, memory));
            if (memoryDiffers) return; // what follows has another memory
        }
    }

    private String memoryDifference() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < expected.memory.length && text.length() < 400; i++) {
            if (expected.memory[i] != actual.memory[i]) {
                long at = i < UserCaseMachine.DATA_SIZE
                        ? UserCaseMachine.DATA + i
                        : UserCaseMachine.STACK + i - UserCaseMachine.DATA_SIZE;
                text.append("  [%x] real %02x, ours %02x%n".formatted(at, expected.memory[i], actual.memory[i]));
            }
        }
        return text.toString();
    }

    private static String difference(Case c, Expectation e, Outcome real, Outcome ours) {
        StringBuilder text = new StringBuilder();
        boolean same = e.aligned() && real.vector() == GP && ours.vector() == SS;
        boolean pastEnd = e.area() && real.vector() == PF && (ours.vector() == GP || ours.vector() == SS);
        if (!same && !pastEnd) add(text, "vector", real.vector(), ours.vector());
        long bits = e.area() && real.vector() == PF ? ~1L : -1; // which byte of it decides whether a page is there
        if (!pastEnd) add(text, "error", error(real) & bits, error(ours) & bits);
        if (real.vector() == PF && !e.area()) add(text, "cr2", real.address(), ours.address());
        add(text, "rip", real.rip(), ours.rip());
        boolean unmasked = e.compares() && (real.fx(0) & ERROR_SUMMARY) != 0; // AMD sets flags nevertheless
        if (!unmasked) add(text, "flags", real.flags() & e.flags(), ours.flags() & e.flags());
        boolean whole = e.whole() || real.vector() == BP;
        for (int i = 0; i < 16 && whole; i++) add(text, "r" + i, register(c, real, i), register(c, ours, i));
        String[] segments = {"cs", "ds", "es", "fs", "gs", "ss"};
        for (int i = 0; i < segments.length; i++) add(text, segments[i], selector(real, i), selector(ours, i));
        add(text, "fs base", real.fsBase(), ours.fsBase());
        add(text, "gs base", real.gsBase(), ours.gsBase());
        long words = 0xFF_0000_FFFFL | (long) e.status() << 16;
        add(text, "fcw, fsw, ftw", real.fx(0) & words, ours.fx(0) & words);
        // AMD's XRSTOR may load MXCSR before it refuses the header; and any does with AVX's state, which is not here
        if (!e.area()) add(text, "mxcsr", real.fx(24) & 0xFFFF_FFFFL, ours.fx(24) & 0xFFFF_FFFFL);
        for (int i = 0; i < 8; i++) {
            add(text, "st" + i, real.fx(32 + 16 * i), ours.fx(32 + 16 * i));
            add(text, "exponent" + i, real.fx(40 + 16 * i) & 0xFFFF, ours.fx(40 + 16 * i) & 0xFFFF);
        }
        for (int i = 0; i < 32; i++) {
            add(text, "xmm" + i / 2 + (i % 2 == 0 ? " low" : " high"), real.fx(160 + 8 * i), ours.fx(160 + 8 * i));
        }
        if (whole) add(text, "memory", real.checksum(), ours.checksum());
        return text.toString();
    }

    /** A register; of a stack pointer the upper half means nothing outside of 64-bit mode. */
    private static long register(Case c, Outcome outcome, int number) {
        long value = outcome.register(number);
        boolean half = number == 4 && (!c.wide() || outcome.selector(Case.CS) != UserCaseMachine.CODE_64);
        return half ? value & 0xFFFF_FFFFL : value;
    }

    /** A selector; Linux makes 0 of all that are null, now and then. */
    private static int selector(Outcome outcome, int segment) {
        int selector = outcome.selector(segment);
        return selector < 4 ? 0 : selector;
    }

    /** The error code; Linux does not tell whether an address of its own is mapped: sanitize_error_code(). */
    private static long error(Outcome outcome) {
        boolean hidden = outcome.vector() == PF && Long.compareUnsigned(outcome.address(), TASK_SIZE) >= 0;
        return hidden ? outcome.error() & ~1L : outcome.error();
    }

    private static void add(StringBuilder text, String name, long real, long ours) {
        if (real != ours) text.append("  %s: real %x, ours %x%n".formatted(name, real, ours));
    }

    private static String describe(Case c) {
        StringBuilder text = new StringBuilder();
        text.append("fx %s ".formatted(HexFormat.of().formatHex(c.fxsave(), 0, 5)));
        text.append("%s at %x".formatted(HexFormat.of().formatHex(c.code()), c.codeAt()));
        text.append(" cs %x ds %x es %x fs %x gs %x ss %x"
                .formatted(c.selector(0), c.selector(1), c.selector(2), c.selector(3), c.selector(4), c.selector(5)));
        text.append(" fsbase %x gsbase %x flags %x".formatted(c.fsBase(), c.gsBase(), c.flags()));
        for (int i = 0; i < 16; i++) text.append(" r%d %x".formatted(i, c.register(i)));
        text.append(" operand at %x: %s".formatted(c.place(), HexFormat.of().formatHex(c.operand())));
        return text.toString();
    }
}
