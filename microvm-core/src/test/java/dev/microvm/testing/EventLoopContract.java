package dev.microvm.testing;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNoException;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.clock.Timers.Timer;
import dev.microvm.event.EventLoop;
import dev.microvm.event.Signal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What every {@link EventLoop} does. Waits are one-sided: what must happen has 20 s, what must not
 * is shown by something that would come later.
 */
@Timeout(60)
public abstract class EventLoopContract {
    /** The name that the loop's thread must have. */
    protected static final String NAME = "test-loop";

    private static final long NEVER = Long.MAX_VALUE;
    private static final long PATIENCE = 20; // seconds

    @AutoClose
    private final EventLoop loop;

    private final BlockingQueue<String> seen = new LinkedBlockingQueue<>();

    /**
     * Made for each test.
     *
     * @param loop to be tested, of a thread with the name {@link #NAME}; the contract closes it
     */
    protected EventLoopContract(EventLoop loop) {
        this.loop = loop;
    }

    @Test
    void runsTasksInOrder_whenManyCome() throws Exception {
        List<Integer> order = new CopyOnWriteArrayList<>();

        IntStream.range(0, 1000).forEach(i -> loop.execute(() -> order.add(i)));
        settle();

        assertThat(order)
                .containsExactlyElementsOf(IntStream.range(0, 1000).boxed().toList());
    }

    @Test
    void runsOnItsOwnThread() throws Exception {
        loop.execute(() -> seen.add(Thread.currentThread().getName() + " " + loop.onLoopThread()));

        assertThat(next()).isEqualTo("test-loop true");
        assertThat(loop.onLoopThread()).isFalse();
    }

    @Test
    void runsATaskThatATaskAdds() throws Exception {
        loop.execute(() -> loop.execute(() -> seen.add("inner")));

        assertThat(next()).isEqualTo("inner");
    }

    @Test
    void servesSignals_whenATaskAddsItselfForever() throws Exception {
        Signal signal = loop.signal(() -> seen.add("signal"));
        Runnable endless = new Runnable() {
            @Override
            public void run() {
                loop.execute(this);
            }
        };
        loop.execute(endless);

        signal.raise();

        assertThat(next()).isEqualTo("signal");
    }

    @Test
    void goesOn_whenActionsThrow() throws Exception {
        Signal signal = loop.signal(() -> {
            throw new IllegalStateException("a signal's action, as the test wants");
        });
        Timer timer = loop.timer(() -> {
            throw new AssertionError("a timer's action, as the test wants");
        });

        loop.execute(() -> {
            throw new IllegalArgumentException("a task, as the test wants");
        });
        signal.raise();
        timer.armAt(loop.nanoTime());
        loop.timer(() -> seen.add("later")).armAt(loop.nanoTime() + 1);

        assertThat(next()).isEqualTo("later");
    }

    @Test
    void firesATimer_notBeforeItsDeadline() throws Exception {
        AtomicLong fired = new AtomicLong();
        long deadline = loop.nanoTime() + MILLISECONDS.toNanos(30);
        Timer timer = loop.timer(() -> {
            fired.set(loop.nanoTime());
            seen.add("fired");
        });

        timer.armAt(deadline);

        assertThat(next()).isEqualTo("fired");
        assertThat(fired.get() - deadline).isNotNegative();
    }

    @Test
    void firesAtOnce_whenTheDeadlineHasPassed() throws Exception {
        Timer timer = loop.timer(() -> seen.add("fired"));

        timer.armAt(loop.nanoTime() - SECONDS.toNanos(5));

        assertThat(next()).isEqualTo("fired");
    }

    @Test
    void firesInOrderOfDeadlines_whenArmedInAnother() throws Exception {
        long start = loop.nanoTime() + MILLISECONDS.toNanos(50);
        Timer third = loop.timer(() -> seen.add("third"));
        Timer first = loop.timer(() -> seen.add("first"));
        Timer second = loop.timer(() -> seen.add("second"));

        third.armAt(start + 2);
        first.armAt(start);
        second.armAt(start + 1);

        assertThat(List.of(next(), next(), next())).containsExactly("first", "second", "third");
    }

    @Test
    void firesEachOnce_whenThereAreMany() throws Exception {
        CountDownLatch all = new CountDownLatch(1000);
        AtomicInteger fired = new AtomicInteger();
        long start = loop.nanoTime();

        LongStream.range(0, 1000)
                .forEach(i -> loop.timer(() -> {
                            fired.incrementAndGet();
                            all.countDown();
                        })
                        .armAt(start + (i * 7919 % 1000) * 20_000));

        assertThat(all.await(PATIENCE, SECONDS)).isTrue();
        settle();
        assertThat(fired).hasValue(1000);
    }

    @Test
    void firesOnce_whenArmedAgainBeforeItsDeadline() throws Exception {
        long start = loop.nanoTime();
        Timer timer = loop.timer(() -> seen.add("timer"));
        Timer later = loop.timer(() -> seen.add("later"));

        timer.armAt(start + SECONDS.toNanos(1000));
        timer.armAt(start + MILLISECONDS.toNanos(20)); // earlier
        later.armAt(start + MILLISECONDS.toNanos(60));

        assertThat(List.of(next(), next())).containsExactly("timer", "later");
    }

    @Test
    void firesLater_whenPutOff() throws Exception {
        long start = loop.nanoTime() + SECONDS.toNanos(1);
        Timer timer = loop.timer(() -> seen.add("timer"));
        Timer other = loop.timer(() -> seen.add("other"));

        timer.armAt(start);
        other.armAt(start + MILLISECONDS.toNanos(10));
        timer.armAt(start + MILLISECONDS.toNanos(20));

        assertThat(List.of(next(), next())).containsExactly("other", "timer");
    }

    @Test
    void doesNotFire_whenCancelled() throws Exception {
        long start = loop.nanoTime() + SECONDS.toNanos(1);
        Timer cancelled = loop.timer(() -> seen.add("cancelled"));
        Timer later = loop.timer(() -> seen.add("later"));

        cancelled.armAt(start);
        later.armAt(start + MILLISECONDS.toNanos(10));
        cancelled.cancel();
        cancelled.cancel(); // twice is once

        assertThat(next()).isEqualTo("later");
    }

    @Test
    void firesAgain_whenItsActionArmsIt() throws Exception {
        CompletableFuture<Timer> self = new CompletableFuture<>();
        CountDownLatch turns = new CountDownLatch(20);
        self.complete(loop.timer(() -> {
            turns.countDown();
            self.join().armAt(loop.nanoTime() + 100_000);
        }));

        self.join().armAt(loop.nanoTime());

        assertThat(turns.await(PATIENCE, SECONDS)).isTrue();
    }

    @Test
    void servesOthers_whenATimerAlwaysArmsItselfForThePast() throws Exception {
        CompletableFuture<Timer> self = new CompletableFuture<>();
        CountDownLatch turns = new CountDownLatch(3);
        self.complete(loop.timer(() -> {
            turns.countDown();
            self.join().armAt(loop.nanoTime() - 1);
        }));
        self.join().armAt(loop.nanoTime());
        assertThat(turns.await(PATIENCE, SECONDS)).isTrue();

        loop.execute(() -> seen.add("task"));

        assertThat(next()).isEqualTo("task");
    }

    @Test
    void doesNotFire_whenArmedForever() throws Exception {
        Timer never = loop.timer(() -> seen.add("never"));
        Timer soon = loop.timer(() -> seen.add("soon"));

        never.armAt(NEVER);
        soon.armAt(loop.nanoTime() + MILLISECONDS.toNanos(10));

        assertThat(next()).isEqualTo("soon");
    }

    @Test
    void runsOnce_whenASignalIsRaisedOftenBeforeItRuns() throws Exception {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch busy = new CountDownLatch(1);
        AtomicInteger runs = new AtomicInteger();
        Signal signal = loop.signal(runs::incrementAndGet);
        loop.execute(() -> {
            running.countDown();
            awaitQuietly(busy);
        });
        running.await(); // no raise is served from here on

        IntStream.range(0, 100).forEach(i -> signal.raise());
        busy.countDown();
        settle();
        settle();

        assertThat(runs).hasValue(1);
    }

    @Test
    void runsAgain_whenASignalIsRaisedByItsOwnAction() throws Exception {
        CompletableFuture<Signal> self = new CompletableFuture<>();
        CountDownLatch turns = new CountDownLatch(10);
        self.complete(loop.signal(() -> {
            turns.countDown();
            self.join().raise();
        }));

        self.join().raise();

        assertThat(turns.await(PATIENCE, SECONDS)).isTrue();
    }

    @Test
    void runsNothing_whenASignalIsClosed() throws Exception {
        Signal signal = loop.signal(() -> seen.add("closed"));
        signal.close();
        signal.close(); // twice is once

        signal.raise();
        loop.execute(() -> seen.add("task"));

        assertThat(next()).isEqualTo("task");
    }

    @Test
    void runsTheRightAction_whenASlotIsUsedAgain() throws Exception {
        loop.signal(() -> seen.add("old")).close();
        Signal kept = loop.signal(() -> seen.add("kept"));
        Signal fresh = loop.signal(() -> seen.add("fresh"));

        fresh.raise();
        assertThat(next()).isEqualTo("fresh");
        kept.raise();

        assertThat(next()).isEqualTo("kept");
    }

    @Test
    void servesEachSignal_whenThereAreMoreThanOneWaitGives() throws Exception {
        CountDownLatch all = new CountDownLatch(200);
        List<Signal> signals = IntStream.range(0, 200)
                .mapToObj(i -> loop.signal(all::countDown))
                .toList();

        signals.forEach(Signal::raise);

        assertThat(all.await(PATIENCE, SECONDS)).isTrue();
    }

    @Test
    void endsAfterTheAction_whenClosedByItsOwnThread() throws Exception {
        CompletableFuture<Thread> thread = new CompletableFuture<>();
        loop.execute(() -> {
            thread.complete(Thread.currentThread());
            loop.close();
            loop.execute(() -> seen.add("dropped"));
        });
        loop.execute(() -> seen.add("dropped"));

        assertThat(thread.get(PATIENCE, SECONDS).join(Duration.ofSeconds(PATIENCE)))
                .isTrue();
        assertThat(seen).isEmpty();
    }

    @Test
    void runsNoOtherSignal_whenAnActionClosesTheLoop() throws Exception {
        CountDownLatch busy = new CountDownLatch(1);
        CompletableFuture<Thread> thread = new CompletableFuture<>();
        List<Signal> signals = new ArrayList<>();
        IntStream.range(0, 10)
                .forEach(i -> signals.add(loop.signal(() -> {
                    seen.add("signal");
                    loop.close();
                })));
        loop.execute(() -> {
            thread.complete(Thread.currentThread());
            awaitQuietly(busy); // so that one wait gives all signals
        });

        Thread loopThread = thread.get(PATIENCE, SECONDS);
        signals.forEach(Signal::raise);
        busy.countDown();

        assertThat(loopThread.join(Duration.ofSeconds(PATIENCE))).isTrue();
        assertThat(seen).containsExactly("signal");
    }

    @Test
    void dropsWhatIsQueued_whenClosed() throws Exception {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch busy = new CountDownLatch(1);
        loop.execute(() -> {
            running.countDown();
            awaitQuietly(busy);
        });
        assertThat(running.await(PATIENCE, SECONDS)).isTrue();
        loop.execute(() -> seen.add("dropped"));

        CompletableFuture<Void> closing = CompletableFuture.runAsync(loop::close);
        awaitClosing();
        busy.countDown();
        closing.get(PATIENCE, SECONDS);

        assertThat(seen).isEmpty();
    }

    @Test
    void standsStill_whenItsClockIsPaused() {
        loop.pauseClock();
        loop.pauseClock(); // twice is once
        long start = loop.nanoTime();
        pass(MILLISECONDS.toNanos(5));

        assertThat(loop.nanoTime()).isEqualTo(start);

        loop.resumeClock(ClockOnResume.CONTINUE);
        loop.resumeClock(ClockOnResume.CATCH_UP); // it is not paused any more
        long resumed = loop.nanoTime();
        assertThat(resumed).isGreaterThanOrEqualTo(start);
        pass(MILLISECONDS.toNanos(5));
        assertThat(loop.nanoTime() - resumed).isGreaterThanOrEqualTo(MILLISECONDS.toNanos(5));
    }

    @Test
    void firesNoTimer_whileItsClockIsPaused() throws Exception {
        Signal signal = loop.signal(() -> seen.add("signal"));
        loop.pauseClock();
        loop.timer(() -> seen.add("timer")).armAt(loop.nanoTime() - 1);
        pass(MILLISECONDS.toNanos(10));

        loop.execute(() -> seen.add("task"));
        assertThat(next()).isEqualTo("task");
        signal.raise();
        assertThat(next()).isEqualTo("signal");
        settle();

        loop.resumeClock(ClockOnResume.CONTINUE);
        assertThat(next()).isEqualTo("timer");
    }

    @Test
    void putsTimersOff_whenItsClockContinues() throws Exception {
        long left = MILLISECONDS.toNanos(30);
        loop.pauseClock();
        loop.timer(() -> seen.add("timer")).armAt(loop.nanoTime() + left);
        pass(2 * left);
        long resumed = System.nanoTime();

        loop.resumeClock(ClockOnResume.CONTINUE);

        assertThat(next()).isEqualTo("timer");
        assertThat(System.nanoTime() - resumed).isGreaterThanOrEqualTo(left);
    }

    @Test
    void firesTimersThatAreDue_whenItsClockCatchesUp() throws Exception {
        long pause = MILLISECONDS.toNanos(30);
        loop.pauseClock();
        long start = loop.nanoTime();
        loop.timer(() -> seen.add("second")).armAt(start + pause);
        loop.timer(() -> seen.add("first")).armAt(start + 1);
        pass(pause);

        loop.resumeClock(ClockOnResume.CATCH_UP);

        assertThat(loop.nanoTime() - start).isGreaterThanOrEqualTo(pause);
        assertThat(List.of(next(), next())).containsExactly("first", "second");
    }

    @Test
    void keepsTheTimeOfEarlierPauses_whenItsClockCatchesUp() {
        long pause = MILLISECONDS.toNanos(30);
        long start = System.nanoTime() - loop.nanoTime();
        loop.pauseClock();
        pass(pause);
        loop.resumeClock(ClockOnResume.CONTINUE);
        long behind = System.nanoTime() - loop.nanoTime() - start;
        assertThat(behind).isGreaterThanOrEqualTo(pause);

        loop.pauseClock();
        pass(pause);
        loop.resumeClock(ClockOnResume.CATCH_UP);

        assertThat(System.nanoTime() - loop.nanoTime() - start).isBetween(pause, behind + pause);
    }

    @Test
    void doesNothing_whenUsedAfterClose() {
        Signal signal = loop.signal(() -> seen.add("signal"));
        Timer timer = loop.timer(() -> seen.add("timer"));
        loop.close();

        assertThatNoException().isThrownBy(() -> {
            loop.close();
            loop.execute(() -> seen.add("task"));
            timer.armAt(loop.nanoTime());
            timer.cancel();
            loop.pauseClock();
            loop.resumeClock(ClockOnResume.CONTINUE);
            signal.raise();
            signal.close();
        });
        assertThat(seen).isEmpty();
    }

    @Test
    void refusesASignal_whenClosed() {
        loop.close();

        assertThatIllegalStateException()
                .isThrownBy(() -> loop.signal(() -> {}))
                .withMessage("event loop test-loop is closed");
    }

    private String next() throws InterruptedException {
        String text = seen.poll(PATIENCE, SECONDS);
        return text == null ? "nothing in 20 s" : text;
    }

    /** Waits until all that is queued, and one round of signals after it, has run. */
    private void settle() throws InterruptedException {
        CountDownLatch done = new CountDownLatch(1);
        Signal last = loop.signal(done::countDown);
        loop.execute(last::raise);
        assertThat(done.await(PATIENCE, SECONDS)).isTrue();
        last.close();
    }

    /** Waits until the loop takes no signal, which is when it closes. */
    private void awaitClosing() throws InterruptedException {
        while (true) {
            try {
                loop.signal(() -> {}).close();
            } catch (IllegalStateException e) {
                return;
            }
            MILLISECONDS.sleep(1);
        }
    }

    /** Lets the host's time pass. */
    private static void pass(long nanos) {
        long end = System.nanoTime() + nanos;
        for (long left = nanos; left > 0; left = end - System.nanoTime()) LockSupport.parkNanos(left);
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await(PATIENCE, SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
