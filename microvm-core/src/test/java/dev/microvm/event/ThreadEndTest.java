package dev.microvm.event;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class ThreadEndTest {
    private static final Duration LONG = Duration.ofSeconds(20);

    @Test
    void isAwaited_byAThreadThatIsInterrupted() {
        Thread ending = new Thread(() -> {});

        Thread.currentThread().interrupt();
        ending.start();
        boolean ended = ThreadEnd.await(ending, LONG);

        assertThat(Thread.interrupted()).as("the interrupt is still there").isTrue();
        assertThat(ended).isTrue();
        assertThat(ending.isAlive()).isFalse();
    }

    @Test
    void isNotAwaitedBeyondTheLimit() throws InterruptedException {
        CountDownLatch go = new CountDownLatch(1);
        Thread waiting = new Thread(() -> {
            try {
                go.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        waiting.start();

        assertThat(ThreadEnd.await(waiting, Duration.ofMillis(1))).isFalse();

        go.countDown();
        assertThat(ThreadEnd.await(waiting, LONG)).isTrue();
    }

    @Test
    void isThere_forAThreadThatNeverRan() {
        assertThat(ThreadEnd.await(new Thread(() -> {}), LONG)).isTrue();
    }
}
