package dev.microvm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class TscScaleTest {
    private static final int TIMES = 1000;
    private static final long YEAR = 31_536_000_000_000_000L; // in nanoseconds

    @Test
    void isTheIdentity_at1GHz() {
        TscScale scale = new TscScale(1_000_000);
        for (long nanos : new long[] {0, 1, -1, 999_999, YEAR, Long.MAX_VALUE, Long.MIN_VALUE}) {
            assertThat(scale.ticks(nanos)).isEqualTo(nanos);
        }
        assertThat(scale.nanos(Long.MAX_VALUE)).isEqualTo(Long.MAX_VALUE);
        assertThat(scale.nanos(YEAR + 1)).isEqualTo(YEAR + 1);
        assertThat(scale.multiplier()).isEqualTo(1 << 31);
        assertThat(scale.shift()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(longs = {100_000, 999_999, 1_000_001, 2_399_998, 3_000_000, 10_000_000})
    void findsTheFirstNanosecondOfATick(long khz) {
        TscScale scale = new TscScale(khz);
        SplittableRandom random = new SplittableRandom(khz);
        for (int i = 0; i < TIMES; i++) {
            long ticks = random.nextLong(YEAR / 1_000_000 * khz);
            long nanos = scale.nanos(ticks);
            assertThat(scale.ticks(nanos)).isGreaterThanOrEqualTo(ticks);
            assertThat(scale.ticks(nanos - 1)).isLessThan(ticks);
        }
        assertThat(scale.nanos(Long.MAX_VALUE)).isPositive();
    }

    @ParameterizedTest
    @ValueSource(longs = {100_000, 999_999, 1_000_001, 2_000_000, 2_399_998, 3_000_000, 10_000_000})
    void tellsTheParavirtualClock(long khz) {
        TscScale scale = new TscScale(khz);
        long ticks = khz * 1000; // of a second
        int shift = scale.shift();
        long shifted = shift >= 0 ? ticks << shift : ticks >> -shift;
        long nanos = Math.multiplyHigh(shifted, Integer.toUnsignedLong(scale.multiplier()) << 32);
        if (scale.multiplier() < 0) nanos += shifted; // multiplyHigh took it for negative
        assertThat(nanos).isCloseTo(1_000_000_000L, within(2L));
    }
}
