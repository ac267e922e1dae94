package dev.microvm.cli.firecracker.vm;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.cli.firecracker.api.Bodies;
import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.cli.firecracker.json.JsonReader;
import dev.microvm.limits.RateLimit;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class LimitsTest {
    private static Optional<Fields> limiter(String text) {
        return Optional.of(JsonReader.read(text.getBytes(UTF_8), Bodies.RATE_LIMITER));
    }

    @Test
    void turnsBucketsIntoRates() {
        assertThat(Limits.of(limiter("{\"bandwidth\": {\"size\": 1000, \"refill_time\": 100},"
                        + " \"ops\": {\"size\": 1, \"refill_time\": 100000}}")))
                .isEqualTo(new RateLimit(10_000, 1));
        assertThat(Limits.of(Optional.empty())).isEqualTo(RateLimit.NONE);
    }

    @Test
    void leavesAloneWhatAChangeDoesNotName() {
        RateLimit now = new RateLimit(5, 6);

        assertThat(Limits.changed(now, limiter("{\"ops\": {\"size\": 7, \"refill_time\": 1000}}")))
                .isEqualTo(new RateLimit(5, 7));
        assertThat(Limits.changed(now, limiter("{\"bandwidth\": {\"size\": 0, \"refill_time\": 0}}")))
                .isEqualTo(new RateLimit(0, 6));
    }
}
