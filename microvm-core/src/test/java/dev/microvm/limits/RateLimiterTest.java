package dev.microvm.limits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

class RateLimiterTest {
    private static final long SECOND = 1_000_000_000;

    private long now = -5 * SECOND;

    @Test
    void admitsEverythingWithoutALimit() {
        RateLimiter limiter = new RateLimiter(RateLimit.NONE, now);

        for (int i = 0; i < 1000; i++) {
            assertThat(limiter.admit(now, Long.MAX_VALUE)).isZero();
        }
    }

    @Test
    void keepsTheRateOfBytesForAnyMixOfSizes() {
        RateLimiter limiter = new RateLimiter(RateLimit.bytesPerSecond(10 << 20), now);
        Random sizes = new Random(1);

        long moved = 0;
        for (long end = now + 20 * SECOND; now < end; ) {
            int size = 1 + sizes.nextInt(1 << 20);
            long wait = limiter.admit(now, size);
            moved += wait == 0 ? size : 0;
            now += wait;
        }

        assertThat(moved).isCloseTo(20L * (10 << 20), Percentage.withPercentage(2));
    }

    @Test
    void keepsTheRateOfOperations() {
        RateLimiter limiter = new RateLimiter(RateLimit.operationsPerSecond(1000), now);

        int admitted = 0;
        for (long end = now + 10 * SECOND; now < end; ) {
            long wait = limiter.admit(now, 4096);
            admitted += wait == 0 ? 1 : 0;
            now += wait;
        }

        assertThat(admitted).isCloseTo(10_000, within(100));
    }

    @Test
    void admitsOnlyAShortBurstAfterIdleTime() {
        RateLimiter limiter = new RateLimiter(RateLimit.operationsPerSecond(1000), now);
        now += 100 * SECOND;

        int burst = 0;
        while (limiter.admit(now, 0) == 0) {
            burst++;
        }

        assertThat(burst).isCloseTo(50, within(1));
    }

    @Test
    void forgetsDebtsWhenTheLimitChanges() {
        RateLimiter limiter = new RateLimiter(RateLimit.bytesPerSecond(1), now);
        assertThat(limiter.admit(now, Long.MAX_VALUE)).isZero();
        assertThat(limiter.admit(now, 1)).isPositive();

        limiter.limit(RateLimit.bytesPerSecond(1000), now);

        assertThat(limiter.admit(now, 1)).isZero();
        assertThat(limiter.limit().bytesPerSecond()).isEqualTo(1000);
    }

    @Test
    void refusesNegativeLimits() {
        assertThatThrownBy(() -> RateLimit.bytesPerSecond(-1)).hasMessageContaining("bytesPerSecond -1");
        assertThatThrownBy(() -> RateLimit.operationsPerSecond(-1)).hasMessageContaining("operationsPerSecond -1");
    }
}
