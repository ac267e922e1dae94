package dev.microvm.cli.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
final class RateLimitedEventTest {
    private final Semaphore told = new Semaphore(0);
    private final RateLimitedEvent event = new RateLimitedEvent(told::release);

    @Test
    void isToldAtOnce_andAgainForWhatHappensMeanwhile() throws InterruptedException {
        event.happened();
        told.acquire();
        for (int i = 0; i < 100; i++) event.happened();
        told.acquire();

        assertThat(told.availablePermits()).isZero(); // the hundred were told as one
    }
}
