package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The pool with things in place of machines that count how many there are. */
@Timeout(60)
final class VmPoolTest {
    private static final Duration SOON = Duration.ofSeconds(30);

    private final AtomicInteger made = new AtomicInteger();
    private final AtomicInteger open = new AtomicInteger();
    private final AtomicInteger most = new AtomicInteger();

    private final class Thing implements AutoCloseable {
        private final int number = made.incrementAndGet();
        private final AtomicBoolean closed = new AtomicBoolean();

        Thing() {
            most.accumulateAndGet(open.incrementAndGet(), Math::max);
        }

        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) open.decrementAndGet();
        }
    }

    @Test
    void givesEachOnce_andNeverHasMoreThanItMay() throws InterruptedException {
        try (VmPool<Thing> pool = VmPool.of(Thing::new, 2, 3)) {
            List<Thread> users = new ArrayList<>();
            List<Integer> seen = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                users.add(Thread.ofPlatform().start(() -> {
                    for (int j = 0; j < 50; j++) {
                        try (VmPool<Thing>.Lease lease = pool.take(SOON)) {
                            synchronized (seen) {
                                seen.add(lease.get().number);
                            }
                        }
                    }
                }));
            }
            for (Thread user : users) user.join();

            assertThat(seen).hasSize(400).doesNotHaveDuplicates();
            assertThat(most).hasValueLessThanOrEqualTo(3);
            assertThat(pool.inUse()).isZero();
        }
        assertThat(open).hasValue(0);
    }

    @Test
    void saysThatAllAreInUse_andGoesOnWhenOneIsGivenBack() {
        try (VmPool<Thing> pool = VmPool.of(Thing::new, 1, 1)) {
            VmPool<Thing>.Lease only = pool.take(SOON);
            assertThatExceptionOfType(AwaitTimeoutException.class)
                    .isThrownBy(() -> pool.take(Duration.ofMillis(10)))
                    .withMessageContaining("1 are in use, and the pool has 1 of 1");
            only.close();
            only.close();
            assertThat(pool.take(SOON).get().number).isEqualTo(2);
        }
        assertThat(open).hasValue(0);
    }

    @Test
    void throwsWhatTheMakerThrows_onceForEachAttempt() {
        AtomicInteger attempts = new AtomicInteger();
        try (VmPool<Thing> pool = VmPool.of(
                () -> {
                    if (attempts.incrementAndGet() == 1) throw new IllegalStateException("not yet");
                    return new Thing();
                },
                1,
                1)) {
            assertThatIllegalStateException().isThrownBy(() -> pool.take(SOON)).withMessage("not yet");
            assertThat(pool.take(SOON).get().number).isEqualTo(1);
        }
    }

    @Test
    void closesAll_thoseInUseAndTheOneThatIsBeingMadeToo() throws InterruptedException {
        CountDownLatch begun = new CountDownLatch(2);
        CountDownLatch go = new CountDownLatch(1);
        VmPool<Thing> pool = VmPool.of(
                () -> {
                    begun.countDown();
                    if (begun.getCount() == 0) awaitLatch(go);
                    return new Thing();
                },
                1,
                2);
        VmPool<Thing>.Lease taken = pool.take(SOON);
        begun.await();
        Thread closer = Thread.ofPlatform().start(pool::close);
        while (!taken.get().closed.get()) Thread.onSpinWait();
        go.countDown();
        closer.join();

        assertThat(open).hasValue(0);
        assertThatIllegalStateException().isThrownBy(() -> pool.take(SOON)).withMessage("the pool is closed");
        pool.close();
    }

    private static void awaitLatch(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void refusesNumbersThatCannotBe() {
        assertThatIllegalArgumentException().isThrownBy(() -> VmPool.of(Thing::new, 0, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> VmPool.of(Thing::new, 2, 1));
    }

    @Test
    void hasAsManyAsTheMemoryAllows() throws InterruptedException {
        try (VmPool<Thing> pool = VmPool.of(Thing::new, 8, 1000, thing -> 300)) {
            VmPool<Thing>.Lease one = pool.take(SOON);
            VmPool<Thing>.Lease two = pool.take(SOON);
            VmPool<Thing>.Lease three = pool.take(SOON);
            assertThatExceptionOfType(AwaitTimeoutException.class)
                    .isThrownBy(() -> pool.take(Duration.ofMillis(10)))
                    .withMessageContaining("3 are in use, and the pool has 900 of 1000");
            two.close();
            pool.take(SOON).close();
            one.close();
            three.close();
        }
        assertThat(most).hasValue(3);
        assertThat(open).hasValue(0);
    }

    @Test
    void saysThatAMachineIsTooLarge() {
        try (VmPool<Thing> pool = VmPool.of(Thing::new, 1, 1000, thing -> 1001)) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> pool.take(SOON))
                    .withMessageContaining("has the size 1001, and all together may have 1000");
        }
        assertThat(open).hasValue(0);
    }
}
