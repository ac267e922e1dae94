package dev.microvm.error;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

final class GuestNoiseTest {
    @Test
    void isLogged_atEachPowerOfTwo() {
        GuestNoise noise = new GuestNoise();

        assertThat(LongStream.range(0, 20).map(each -> noise.count()).filter(n -> n != 0))
                .containsExactly(1L, 2L, 4L, 8L, 16L);
    }
}
