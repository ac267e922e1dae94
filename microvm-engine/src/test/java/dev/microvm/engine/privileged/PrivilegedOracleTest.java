package dev.microvm.engine.privileged;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.engine.EngineHypervisor;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Privileged and system instructions do what they do on KVM: registers, hidden parts of segments,
 * flags, faults with their frames, and what the page tables keep. In the lab, whose processor
 * {@link NotCompared} knows. {@code -Dmicrovm.oracle.cases=N} sets how many are tried, {@code
 * -Dmicrovm.oracle.seed=N} tries others, or repeats what a failure names.
 */
@Lanes.Lab
@Timeout(3600)
final class PrivilegedOracleTest {
    private static final long CASES = Long.getLong("microvm.oracle.cases", 20_000);
    private static final Path MACHINE = Path.of("/sys/class/dmi/id/product_version");

    /** QEMU's name for the lab's machine, which has QEMU's version. */
    private static final String KNOWN = "pc-q35-7.2";

    private static final int MOST_FAILURES = Integer.getInteger("microvm.oracle.failures", 10);

    private final List<String> failures = new ArrayList<>();
    private final Map<String, Integer> endings = new TreeMap<>();

    @Test
    void doesWhatTheProcessorDoes() throws IOException {
        String machine = machine();
        assumeTrue(
                (SystemCaseMachine.EMULATED && machine.equals(KNOWN)) || Boolean.getBoolean("microvm.oracle.hardware"),
                "what is compared is known for %s in the lab, and this is %s; -Dmicrovm.oracle.hardware=true tries it all the same"
                        .formatted(KNOWN, machine));
        long first = Long.getLong("microvm.oracle.seed", 20_261_121);
        long start = System.nanoTime();
        long done = 0;
        try (SystemCaseMachine real = new SystemCaseMachine(Lanes.kvm());
                SystemCaseMachine ours = new SystemCaseMachine(new EngineHypervisor())) {
            List<CpuidEntry> cpuid = Features.common(ours.supportedCpuid(), real.supportedCpuid());
            real.cpuid(cpuid);
            ours.cpuid(cpuid);
            SystemCaseGenerator generator = new SystemCaseGenerator(cpuid);
            while (done < CASES && failures.size() < MOST_FAILURES) {
                compare(generator.make(first + done), first + done, real, ours);
                done++;
            }
        }
        System.out.printf("%,d cases in %.1f s: %s%n", done, (System.nanoTime() - start) / 1e9, endings);
        assertThat(String.join(System.lineSeparator(), failures)).isEmpty();
    }

    private static String machine() throws IOException {
        return Files.exists(MACHINE) ? Files.readString(MACHINE).strip() : "an unknown machine";
    }

    private void compare(SystemCase each, long seed, SystemCaseMachine real, SystemCaseMachine ours) {
        SystemOutcome expected = real.run(each);
        SystemOutcome actual = ours.run(each);
        endings.merge(expected.ending().lines().findFirst().orElse(""), 1, Integer::sum);
        String difference = Comparison.of(each, expected, actual);
        if (!difference.isEmpty())
            failures.add("seed %d: %s  %s%n%s".formatted(seed, each, expected.ending(), difference));
    }
}
