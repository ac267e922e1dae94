package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.model.RestartLimit;
import java.time.Duration;
import org.junit.jupiter.api.Test;

final class RestartCountTest {
    private static final long SECOND = 1_000_000_000;

    @Test
    void admitsAsManyAsAllowed_thenOneForEachThatIsLongAgo() {
        RestartCount count = new RestartCount(new RestartLimit(2, Duration.ofSeconds(10)));

        assertThat(count.admits(0)).isTrue();
        assertThat(count.admits(3 * SECOND)).isTrue();
        assertThat(count.admits(9 * SECOND)).isFalse();
        assertThat(count.admits(10 * SECOND)).isTrue();
        assertThat(count.admits(12 * SECOND)).isFalse();
        assertThat(count.admits(13 * SECOND)).isTrue();
    }

    @Test
    void admitsNone_whenNoneIsAllowed() {
        assertThat(new RestartCount(new RestartLimit(0, Duration.ofSeconds(10))).admits(0))
                .isFalse();
    }

    @Test
    void isRefused_whenItIsOutOfRange() {
        assertThat(new RestartLimit(-1, Duration.ofSeconds(1)).problems())
                .singleElement()
                .asString()
                .isEqualTo("restartLimit: 0 to 100000 restarts within up to 24 hours, was -1 within 1000 ms");
        assertThat(new RestartLimit(1, Duration.ZERO).problems()).hasSize(1);
        assertThat(new RestartLimit(1, Duration.ofDays(2)).problems()).hasSize(1);
        assertThat(RestartLimit.DEFAULT.problems()).isEmpty();
    }
}
