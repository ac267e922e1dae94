package dev.microvm.vcpu;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.bus.IoBuses;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.irq.InterruptController;
import dev.microvm.testing.ScriptedVcpu;
import dev.microvm.vcpu.DebugListener.Next;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How {@link VcpuThreads} pauses vCPUs that follow a script, and stops them for a debugger. */
@Timeout(60)
final class VcpuPauseTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Duration SHORT = Duration.ofMillis(50);
    private static final ExitHandler NO_DEVICES = new IoBuses();

    private final BlockingQueue<String> heard = new LinkedBlockingQueue<>();
    private final AtomicInteger inGuest = new AtomicInteger();
    private final List<VcpuLoop> loops = new ArrayList<>();
    private VcpuThreads threads = new VcpuThreads("none", List.of());

    private final VcpuLoop.Listener listener = new VcpuLoop.Listener() {
        @Override
        public void shutdown(int vcpu) {
            heard.add("shutdown " + vcpu);
        }

        @Override
        public void failed(int vcpu, Throwable cause) {
            heard.add("failed " + vcpu + ": " + cause.getMessage());
        }
    };

    @AfterEach
    void stop() {
        assertThat(threads.stopAndJoin(PATIENCE)).isTrue();
    }

    @Test
    void keepsAllVcpusOutOfTheGuest_whenPausedAHundredTimes() throws Exception {
        List<ScriptedVcpu> vcpus =
                IntStream.range(0, 4).mapToObj(this::untilKicked).toList();
        start(vcpus);
        for (int i = 0; i < 100; i++) {
            threads.pause(PATIENCE);

            assertThat(inGuest).hasValue(0);
            List<Integer> runs = vcpus.stream().map(ScriptedVcpu::runs).toList();
            loops.forEach(VcpuLoop::interruptRaised);
            assertThat(vcpus.stream().map(ScriptedVcpu::runs)).isEqualTo(runs);
            threads.resume();
            await(() -> inGuest.get() == vcpus.size());
        }
    }

    @Test
    void countsAPauseOnce_whenItIsAskedForTwice() throws Exception {
        start(List.of(untilKicked(0)));
        threads.resume(); // nothing is paused
        threads.pause(PATIENCE);
        threads.pause(PATIENCE);

        threads.resume();

        await(() -> inGuest.get() == 1);
    }

    @Test
    void runsNothing_whenPausedBeforeItStarts() throws Exception {
        ScriptedVcpu vcpu = untilKicked(0);
        make(List.of(vcpu));
        threads.pause(Duration.ZERO);
        threads.start();
        threads.pause(PATIENCE);
        assertThat(vcpu.runs()).isZero();

        threads.resume();

        vcpu.awaitRun();
    }

    @Test
    void refusesAVcpuThread() throws Exception {
        start(List.of(ScriptedVcpu.running(0, () -> {
            for (Runnable each : List.<Runnable>of(() -> threads.pause(PATIENCE), () -> threads.resume())) {
                try {
                    each.run();
                } catch (IllegalStateException e) {
                    heard.add(e.getMessage());
                }
            }
            return VcpuExit.SHUTDOWN;
        })));

        assertThat(List.of(next(), next(), next()))
                .containsExactly("pause on microvm-test-vcpu-0", "resume on microvm-test-vcpu-0", "shutdown 0");
    }

    @Test
    void saysWhere_andRunsOn_whenADeviceKeepsAVcpu() throws Exception {
        CountDownLatch device = new CountDownLatch(1);
        ScriptedVcpu good = untilKicked(0);
        ScriptedVcpu stuck = ScriptedVcpu.running(1, () -> {
            awaitUninterruptibly(device);
            return VcpuExit.KICKED;
        });
        start(List.of(good, stuck));
        stuck.awaitRun();
        int runs = good.runs();

        assertThatExceptionOfType(PauseFailedException.class)
                .isThrownBy(() -> threads.pause(SHORT))
                .withMessageStartingWith("vCPU 1 does not pause within PT0.05S: microvm-test-vcpu-1 is at ");

        await(() -> good.runs() > runs && inGuest.get() == 1);
        device.countDown();
        threads.pause(PATIENCE);
        assertThat(inGuest).hasValue(0);
    }

    @Test
    void isPaused_whenAVcpuEndsInstead() throws Exception {
        Semaphore kicked = new Semaphore(0);
        ScriptedVcpu ending = ScriptedVcpu.running(0, () -> {
            kicked.acquireUninterruptibly();
            return VcpuExit.SHUTDOWN;
        });
        ScriptedVcpu failing = ScriptedVcpu.running(1, () -> {
            kicked.acquireUninterruptibly();
            throw new IllegalStateException("as the test wants");
        });
        start(List.of(ending, failing, untilKicked(2)));
        ending.awaitRun();
        failing.awaitRun();
        CompletableFuture<Void> paused = CompletableFuture.runAsync(() -> threads.pause(PATIENCE));

        kicked.release(2);

        paused.get(PATIENCE.toSeconds(), SECONDS);
        assertThat(List.of(next(), next())).containsExactlyInAnyOrder("shutdown 0", "failed 1: as the test wants");
        assertThat(inGuest).hasValue(0);
        threads.resume();
        await(() -> inGuest.get() == 1);
    }

    @Test
    void ends_whenStoppedInAPause() throws Exception {
        ScriptedVcpu vcpu = untilKicked(0);
        start(List.of(vcpu));
        vcpu.awaitRun();
        threads.pause(PATIENCE);

        assertThat(threads.stopAndJoin(PATIENCE)).isTrue();

        threads.pause(Duration.ZERO); // nothing runs, so all are paused
        threads.resume();
        assertThat(vcpu.runs()).isEqualTo(1);
    }

    @Test
    void isPaused_whenStoppedMeanwhile() throws Exception {
        CountDownLatch device = new CountDownLatch(1);
        ScriptedVcpu stuck = ScriptedVcpu.running(0, () -> {
            awaitUninterruptibly(device);
            return VcpuExit.KICKED;
        });
        start(List.of(stuck));
        stuck.awaitRun();
        CompletableFuture<Void> paused = CompletableFuture.runAsync(() -> threads.pause(PATIENCE));
        await(() -> stuck.kicks() > 0);

        threads.stop();
        device.countDown();

        paused.get(PATIENCE.toSeconds(), SECONDS);
        assertThat(stuck.runs()).isEqualTo(1);
    }

    @Test
    void staysHalted_whenPausedAndResumed() throws Exception {
        ScriptedVcpu vcpu = ScriptedVcpu.running(0, () -> VcpuExit.HALTED);
        start(List.of(vcpu));
        vcpu.awaitRun();
        for (int i = 0; i < 100; i++) {
            threads.pause(PATIENCE);
            threads.resume();
        }
        assertThat(vcpu.runs()).isEqualTo(1);

        threads.pause(PATIENCE);
        loops.getFirst().wake();
        assertThat(vcpu.runs()).isEqualTo(1);
        threads.resume();

        await(() -> vcpu.runs() == 2);
    }

    @Test
    void stillWantsAnInterruptWindow_whenResumed() throws Exception {
        ScriptedVcpu vcpu = untilKicked(0);
        InterruptController busy = new InterruptController() {
            @Override
            public boolean pending() {
                return true;
            }

            @Override
            public int acknowledge() {
                throw new AssertionError("the vCPU is never ready");
            }
        };
        loops.add(new VcpuLoop(vcpu.vcpu(), NO_DEVICES, listener, busy));
        threads = new VcpuThreads("test", loops);
        threads.start();
        vcpu.awaitRun();
        threads.pause(PATIENCE);
        int runs = vcpu.runs();
        vcpu.vcpu().requestInterruptWindow(false);

        threads.resume();

        await(() -> vcpu.runs() > runs);
        assertThat(vcpu.windowWanted()).isTrue();
    }

    @Test
    void takesTurns_whenManyThreadsPauseAndResume() throws Exception {
        start(IntStream.range(0, 2).mapToObj(this::untilKicked).toList());

        List<CompletableFuture<Void>> callers = IntStream.range(0, 8)
                .mapToObj(i -> CompletableFuture.runAsync(() -> {
                    for (int turn = 0; turn < 50; turn++) {
                        threads.pause(PATIENCE);
                        threads.resume();
                    }
                }))
                .toList();
        for (CompletableFuture<Void> caller : callers) caller.get(PATIENCE.toSeconds(), SECONDS);

        await(() -> inGuest.get() == 2);
        threads.pause(PATIENCE);
        assertThat(inGuest).hasValue(0);
    }

    @Test
    void pauses_whenTheCallerIsInterrupted() throws Exception {
        ScriptedVcpu vcpu = untilKicked(0);
        start(List.of(vcpu));
        vcpu.awaitRun();
        Thread.currentThread().interrupt();

        threads.pause(PATIENCE);

        assertThat(Thread.interrupted()).isTrue();
        assertThat(inGuest).hasValue(0);
    }

    @Test
    void asksTheListener_whenThereIsADebugExit() throws Exception {
        ScriptedVcpu vcpu = ScriptedVcpu.exiting(0, VcpuExit.DEBUG, VcpuExit.SHUTDOWN);
        make(List.of(vcpu));
        threads.debugListener((stopped, event) -> {
            heard.add("vCPU " + stopped.index() + " at " + Long.toHexString(event.rip()));
            return Next.CONTINUE;
        });

        threads.start();

        assertThat(List.of(next(), next())).containsExactly("vCPU 0 at 1000", "shutdown 0");
    }

    @Test
    void staysStopped_untilADebuggerReleasesIt() throws Exception {
        ScriptedVcpu stopped = ScriptedVcpu.exiting(0, VcpuExit.DEBUG, VcpuExit.SHUTDOWN);
        make(List.of(stopped, untilKicked(1)));
        threads.debugListener((vcpu, event) -> {
            heard.add("stopped " + vcpu.index());
            return Next.STAY_STOPPED;
        });
        threads.start();
        assertThat(next()).isEqualTo("stopped 0");
        await(() -> inGuest.get() == 1); // the other runs on

        threads.pause(PATIENCE);
        threads.resume();
        assertThat(stopped.runs()).isEqualTo(1);

        threads.release(0);
        assertThat(next()).isEqualTo("shutdown 0");
    }

    @Test
    void runsAgain_whenReleasedBeforeTheListenerReturns() throws Exception {
        make(List.of(ScriptedVcpu.exiting(0, VcpuExit.DEBUG, VcpuExit.SHUTDOWN)));
        threads.debugListener((vcpu, event) -> {
            threads.release(vcpu.index());
            return Next.STAY_STOPPED;
        });

        threads.start();

        assertThat(next()).isEqualTo("shutdown 0");
    }

    private void make(List<ScriptedVcpu> vcpus) {
        vcpus.forEach(vcpu -> loops.add(new VcpuLoop(vcpu.vcpu(), NO_DEVICES, listener)));
        threads = new VcpuThreads("test", loops);
    }

    private void start(List<ScriptedVcpu> vcpus) {
        make(vcpus);
        threads.start();
    }

    /** A vCPU that is in the guest until it is kicked. */
    private ScriptedVcpu untilKicked(int index) {
        ScriptedVcpu[] self = new ScriptedVcpu[1];
        AtomicInteger seen = new AtomicInteger();
        self[0] = ScriptedVcpu.running(index, () -> {
            inGuest.incrementAndGet();
            while (self[0].kicks() == seen.get()) Thread.onSpinWait();
            seen.set(self[0].kicks());
            inGuest.decrementAndGet();
            return VcpuExit.KICKED;
        });
        return self[0];
    }

    private String next() throws InterruptedException {
        String text = heard.poll(PATIENCE.toSeconds(), SECONDS);
        return text == null ? "nothing in 20 s" : text;
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
        boolean interrupted = false;
        while (true) {
            try {
                latch.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
    }

    /** Waits for something another thread does. */
    private static void await(BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) throw new AssertionError("waited 20 s in vain");
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }
}
