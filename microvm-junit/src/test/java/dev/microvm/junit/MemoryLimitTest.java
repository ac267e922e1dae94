package dev.microvm.junit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.junit.MemoryLimit.Life;
import dev.microvm.junit.MemoryLimit.Reservation;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class MemoryLimitTest {
    private static final long LIMIT = 1000; // MiB

    private final MemoryLimit limit = new MemoryLimit(LIMIT);

    @Test
    void letsATestWait_untilAnotherTestEnds() throws Exception {
        Reservation first = limit.reserve(600, Life.TEST, false);
        Waiter second = new Waiter(600, Life.TEST, false);
        second.awaitWaiting();

        first.close();

        assertThat(second.end()).isTrue();
    }

    @Test
    void letsTestsRunTogether_whenTheyFit() throws Exception {
        limit.reserve(600, Life.TEST, false);

        assertThat(new Waiter(400, Life.TEST, false).end()).isTrue();
    }

    @Test
    void letsATestStart_whenOnlyClassesHoldMemory() throws Exception {
        limit.reserve(900, Life.CLASS, false);

        assertThat(new Waiter(600, Life.TEST, false).end())
                .as("its class may wait for it")
                .isTrue();
    }

    @Test
    void letsAClassWait_untilAnotherClassEnds() throws Exception {
        Reservation first = limit.reserve(900, Life.CLASS, false);
        Waiter second = new Waiter(600, Life.CLASS, false);
        second.awaitWaiting();

        first.close();

        assertThat(second.end()).isTrue();
    }

    @Test
    void neverLetsOneWaitThatHasSome() throws Exception {
        limit.reserve(900, Life.TEST, false);

        assertThat(new Waiter(600, Life.TEST, true).end()).isTrue();
        assertThat(limit.reserve(600, Life.CLASS, false))
                .as("this thread has some")
                .isNotNull();
    }

    @Test
    void letsOneRunAlone_whenItIsLargerThanTheLimit() throws Exception {
        assertThat(new Waiter(2 * LIMIT, Life.TEST, false).end()).isTrue();
    }

    @Test
    void endsTheWait_whenTheThreadIsInterrupted() throws Exception {
        limit.reserve(LIMIT, Life.TEST, false);
        Waiter second = new Waiter(1, Life.TEST, false);
        second.awaitWaiting();

        second.thread.interrupt();

        assertThat(second.end()).as("got memory").isFalse();
    }

    /** A thread that reserves memory. */
    private final class Waiter {
        private final CompletableFuture<Boolean> got = new CompletableFuture<>();
        private final CountDownLatch begun = new CountDownLatch(1);
        private final Thread thread;

        Waiter(long mib, Life life, boolean hasSome) {
            thread = Thread.ofPlatform().start(() -> {
                begun.countDown();
                try {
                    limit.reserve(mib, life, hasSome);
                    got.complete(true);
                } catch (InterruptedException e) {
                    got.complete(false);
                }
            });
        }

        void awaitWaiting() throws InterruptedException {
            assertThat(begun.await(30, TimeUnit.SECONDS)).isTrue();
            while (thread.getState() != Thread.State.WAITING) Thread.onSpinWait();
        }

        boolean end() throws Exception {
            return got.get(30, TimeUnit.SECONDS);
        }
    }
}
