package dev.microvm.engine.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Hostile guests of the engine: any code with any registers, segments, control registers and page
 * tables, one target for each mode. In an ordinary build each runs some random guests and what is
 * in {@code src/test/resources/.../EngineFuzzTestInputs}; {@code scripts/fuzz} looks for new ones.
 */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class EngineFuzzTest {
    private static final int SAMPLES = 50;
    private static final int SAMPLE_SIZE = 1200;

    static Stream<byte[]> samples() {
        return Stream.iterate(0, seed -> seed + 1).limit(SAMPLES).map(seed -> {
            byte[] sample = new byte[SAMPLE_SIZE];
            new Random(seed).nextBytes(sample);
            // Some begin without changes of tables and registers, so that their code runs.
            if (seed % 2 == 0) Arrays.fill(sample, 0, FuzzedMachine.PREAMBLE, (byte) 0);
            return sample;
        });
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void realMode(byte[] script) {
        FuzzedMachine.run(FuzzedMode.REAL, script);
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void protectedMode(byte[] script) {
        FuzzedMachine.run(FuzzedMode.PROTECTED, script);
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void pagesOf32Bits(byte[] script) {
        FuzzedMachine.run(FuzzedMode.PAGES_32, script);
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void physicalAddressExtension(byte[] script) {
        FuzzedMachine.run(FuzzedMode.PAGES_PAE, script);
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void compatibilityMode(byte[] script) {
        FuzzedMachine.run(FuzzedMode.COMPATIBILITY, script);
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void longMode(byte[] script) {
        FuzzedMachine.run(FuzzedMode.LONG, script);
    }
}
