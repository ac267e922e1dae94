package dev.microvm.engine.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.EngineHypervisor;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The faults that {@link PossibleFaults} expects are those that the engine raises, on any host. */
final class PossibleFaultsTest {
    private static final int BATCH = 256;
    private static final int BATCHES = 100;
    private static final int INSTRUCTION_FETCH = 1 << 4; // of a page fault's error code

    @Test
    void containsEachPageFaultOfTheEngine() {
        CaseBatch batch = new CaseBatch(BATCH);
        Expectation[] expectations = new Expectation[BATCH];
        CaseBatch.Outcomes outcomes = new CaseBatch.Outcomes(BATCH);
        List<String> missing = new ArrayList<>();
        int seen = 0;
        try (UserCaseMachine engine = new UserCaseMachine(new EngineHypervisor())) {
            for (long seed = 0; seed < BATCHES; seed++) {
                new UserCaseGenerator(seed).fill(batch, expectations);
                engine.run(batch, BATCH, outcomes);
                for (int i = 0; i < BATCH; i++) {
                    Fault fault = Fault.of(outcomes.get(i));
                    boolean ofData = fault.vector() == Fault.PAGE && (fault.error() & INSTRUCTION_FETCH) == 0;
                    if (!ofData) continue;
                    seen++;
                    if (!PossibleFaults.of(batch.get(i), expectations[i], outcomes.get(i))
                            .contains(fault)) {
                        missing.add("seed %d, case %d, %s: %s"
                                .formatted(
                                        seed,
                                        i,
                                        HexFormat.of().formatHex(batch.get(i).code()),
                                        fault));
                    }
                }
            }
        }
        assertThat(missing).isEmpty();
        assertThat(seen).isPositive();
    }
}
