package dev.microvm.vcpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** By a simulated thread and a simulated clock. */
final class DutyCycleTest {
    private static final long MILLI = 1_000_000;
    private static final long SECOND = 1_000 * MILLI;

    /** Looks come between 1 and 40 ms apart, as on a loaded host. */
    @ParameterizedTest
    @ValueSource(ints = {1, 5, 10, 25, 50, 75, 90, 99})
    void givesABusyVcpuItsShare_whenLooksAreIrregular(int percent) {
        SplittableRandom random = new SplittableRandom(percent);
        DutyCycle cycle = new DutyCycle(percent, 0, 0);
        boolean runs = true;
        long now = 0;
        long cpu = 0;
        while (now < 60 * SECOND) {
            long step = random.nextLong(MILLI, 40 * MILLI);
            now += step;
            if (runs) cpu += step;
            runs = cycle.mayRun(now, cpu);
        }
        assertThat(100.0 * cpu / now).isCloseTo(percent, within(0.05 * percent));
    }

    @Test
    void neverStopsAVcpuThatUsesLessThanItsShare() {
        DutyCycle cycle = new DutyCycle(50, 0, 0);
        long cpu = 0;
        for (long now = 5 * MILLI; now < 10 * SECOND; now += 5 * MILLI) {
            cpu += 2 * MILLI;
            assertThat(cycle.mayRun(now, cpu)).isTrue();
        }
    }

    @Test
    void letsAVcpuMakeUpForAShortIdleTimeOnly() {
        DutyCycle cycle = new DutyCycle(50, 0, 0);
        assertThat(cycle.mayRun(3600 * SECOND, 0)).isTrue();

        assertThat(cycle.mayRun(3600 * SECOND + 60 * MILLI, 60 * MILLI)).isTrue();
        assertThat(cycle.mayRun(3600 * SECOND + 120 * MILLI, 120 * MILLI)).isFalse();
    }

    @Test
    void stopsNothing_whenTheShareIsTheWhole() {
        DutyCycle cycle = new DutyCycle(100, 0, 0);
        for (long now = MILLI; now < SECOND; now += MILLI)
            assertThat(cycle.mayRun(now, now)).isTrue();
    }
}
