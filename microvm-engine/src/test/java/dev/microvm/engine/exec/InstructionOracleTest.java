package dev.microvm.engine.exec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.EngineHypervisor;
import dev.microvm.engine.oracle.Case;
import dev.microvm.engine.oracle.CaseBatch;
import dev.microvm.engine.oracle.CaseOracle;
import dev.microvm.engine.oracle.Expectation;
import dev.microvm.engine.oracle.OutcomeComparison;
import dev.microvm.engine.oracle.UserCaseGenerator;
import dev.microvm.engine.oracle.UserCaseMachine;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Any instruction that a program may run does what the real processor does: the whole engine,
 * decoder to delivered exception, against a process of Linux. {@code -Dmicrovm.oracle.cases=N} sets
 * how many are tried, {@code -Dmicrovm.oracle.seed=N} tries others, or repeats what a failure
 * names.
 */
@Timeout(3600)
final class InstructionOracleTest {
    private static final int BATCH = 256;
    private static final long CASES = Long.getLong("microvm.oracle.cases", 100_000);
    private static final int MOST_FAILURES = Integer.getInteger("microvm.oracle.failures", 10);

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
            String difference =
                    OutcomeComparison.difference(batch.get(i), expectations[i], expected.get(i), actual.get(i));
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
