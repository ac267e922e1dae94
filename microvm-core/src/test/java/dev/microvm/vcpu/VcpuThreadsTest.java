package dev.microvm.vcpu;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.bus.IoBuses;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.testing.ScriptedVcpu;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@link VcpuThreads} and {@link VcpuLoop} over vCPUs that follow a script. */
@Timeout(60)
final class VcpuThreadsTest {
    private static final long PATIENCE = 20; // seconds
    private static final ExitHandler NO_DEVICES = new IoBuses();

    private final BlockingQueue<String> heard = new LinkedBlockingQueue<>();

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

    @Test
    void namesEachThread_afterMachineAndVcpu() throws Exception {
        VcpuThreads threads = threads(
                ScriptedVcpu.running(0, () -> shutDownUnderName()), ScriptedVcpu.running(1, () -> shutDownUnderName()));

        threads.start();

        assertThat(List.of(next(), next(), next(), next()))
                .containsExactlyInAnyOrder(
                        "microvm-test-vcpu-0 daemon", "microvm-test-vcpu-1 daemon", "shutdown 0", "shutdown 1");
        assertThat(threads.stopAndJoin(Duration.ofSeconds(PATIENCE))).isTrue();
    }

    @Test
    void goesOn_untilTheGuestShutsDown() throws Exception {
        ScriptedVcpu vcpu = ScriptedVcpu.exiting(
                0, VcpuExit.KICKED, VcpuExit.INTERRUPT_WINDOW, VcpuExit.DEBUG, VcpuExit.SHUTDOWN, VcpuExit.KICKED);

        new VcpuLoop(vcpu.vcpu(), NO_DEVICES, listener).run();

        assertThat(next()).isEqualTo("shutdown 0");
        assertThat(vcpu.runs()).isEqualTo(4);
    }

    @Test
    void tellsTheListener_whenTheGuestFails() throws Exception {
        ScriptedVcpu vcpu = ScriptedVcpu.running(3, () -> {
            throw new IllegalStateException("as the test wants");
        });

        new VcpuLoop(vcpu.vcpu(), NO_DEVICES, listener).run();

        assertThat(next()).isEqualTo("failed 3: as the test wants");
    }

    @Test
    void tellsNobody_whenAVcpuFailsWhileItIsStopped() {
        CompletableFuture<VcpuLoop> loop = new CompletableFuture<>();
        ScriptedVcpu vcpu = ScriptedVcpu.running(0, () -> {
            loop.join().stop();
            throw new IllegalStateException("as the test wants");
        });
        loop.complete(new VcpuLoop(vcpu.vcpu(), NO_DEVICES, listener));

        loop.join().run();

        assertThat(heard).isEmpty();
    }

    @Test
    void runsNothing_whenStoppedBeforeItStarts() {
        ScriptedVcpu vcpu = ScriptedVcpu.exiting(0);
        VcpuLoop loop = new VcpuLoop(vcpu.vcpu(), NO_DEVICES, listener);
        loop.stop();

        loop.run();

        assertThat(vcpu.runs()).isZero();
    }

    @Test
    void kicksTheVcpu_whenStopped() throws Exception {
        ScriptedVcpu vcpu = ScriptedVcpu.spinning(0);
        VcpuThreads threads = threads(vcpu);
        threads.start();
        vcpu.awaitRun();

        assertThat(threads.stopAndJoin(Duration.ofSeconds(PATIENCE))).isTrue();
        assertThat(vcpu.kicks()).isEqualTo(1);
        assertThat(heard).isEmpty();
    }

    @Test
    void runsAgain_whenAHaltedVcpuIsWoken() throws Exception {
        ScriptedVcpu vcpu = ScriptedVcpu.exiting(0, VcpuExit.HALTED, VcpuExit.SHUTDOWN);
        VcpuLoop loop = new VcpuLoop(vcpu.vcpu(), NO_DEVICES, listener);
        VcpuThreads threads = new VcpuThreads("test", List.of(loop));
        threads.start();
        vcpu.awaitRun();

        loop.wake(); // before or after it sleeps

        assertThat(next()).isEqualTo("shutdown 0");
        assertThat(threads.stopAndJoin(Duration.ofSeconds(PATIENCE))).isTrue();
    }

    @Test
    void ends_whenAHaltedVcpuIsStopped() throws Exception {
        ScriptedVcpu vcpu = ScriptedVcpu.running(0, () -> VcpuExit.HALTED);
        VcpuThreads threads = threads(vcpu);
        threads.start();
        vcpu.awaitRun();

        assertThat(threads.stopAndJoin(Duration.ofSeconds(PATIENCE))).isTrue();
    }

    @Test
    void interruptsADevice_whenItBlocksInJava() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        ScriptedVcpu vcpu = ScriptedVcpu.running(0, () -> awaitOrFail(never));
        VcpuThreads threads = threads(vcpu);
        threads.start();
        vcpu.awaitRun();

        assertThat(threads.stopAndJoin(Duration.ofSeconds(PATIENCE))).isTrue();
        assertThat(heard).isEmpty();
    }

    @Test
    void givesUpInTime_whenManyThreadsDoNotEnd() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        List<ScriptedVcpu> vcpus = IntStream.range(0, 30)
                .mapToObj(i -> ScriptedVcpu.running(i, () -> awaitStubbornly(release)))
                .toList();
        VcpuThreads threads = threads(vcpus.toArray(ScriptedVcpu[]::new));
        threads.start();
        vcpus.getLast().awaitRun();
        long start = System.nanoTime();

        boolean ended = threads.stopAndJoin(Duration.ofMillis(300));

        Duration taken = Duration.ofNanos(System.nanoTime() - start);
        release.countDown();
        assertThat(ended).isFalse();
        assertThat(taken).isLessThan(Duration.ofSeconds(4)); // not a patience for each
        assertThat(threads.stopAndJoin(Duration.ofSeconds(PATIENCE))).isTrue();
    }

    @Test
    void staysInterrupted_whenTheCallerIs() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        ScriptedVcpu vcpu = ScriptedVcpu.running(0, () -> awaitStubbornly(release));
        VcpuThreads threads = threads(vcpu);
        threads.start();
        vcpu.awaitRun();
        Thread.currentThread().interrupt();

        boolean ended = threads.stopAndJoin(Duration.ofMillis(300)); // which the interrupt does not shorten

        assertThat(Thread.interrupted()).isTrue();
        assertThat(ended).isFalse();
        release.countDown();
        assertThat(threads.stopAndJoin(Duration.ofSeconds(PATIENCE))).isTrue();
    }

    @Test
    void isDoneAtOnce_whenNeverStarted() {
        VcpuThreads threads = threads(ScriptedVcpu.exiting(0));

        assertThat(threads.stopAndJoin(Duration.ZERO)).isTrue();
    }

    @Test
    void knowsItsOwnThreads() throws Exception {
        CompletableFuture<VcpuThreads> threads = new CompletableFuture<>();
        ScriptedVcpu vcpu = ScriptedVcpu.running(0, () -> {
            heard.add("on vCPU thread: " + threads.join().onVcpuThread());
            return VcpuExit.SHUTDOWN;
        });
        threads.complete(threads(vcpu));

        threads.join().start();

        assertThat(next()).isEqualTo("on vCPU thread: true");
        assertThat(threads.join().onVcpuThread()).isFalse();
        assertThat(threads.join().stopAndJoin(Duration.ofSeconds(PATIENCE))).isTrue();
    }

    private VcpuThreads threads(ScriptedVcpu... vcpus) {
        return new VcpuThreads(
                "test",
                List.of(vcpus).stream()
                        .map(vcpu -> new VcpuLoop(vcpu.vcpu(), NO_DEVICES, listener))
                        .toList());
    }

    private VcpuExit shutDownUnderName() {
        Thread self = Thread.currentThread();
        heard.add(self.getName() + (self.isDaemon() ? " daemon" : ""));
        return VcpuExit.SHUTDOWN;
    }

    private String next() throws InterruptedException {
        String text = heard.poll(PATIENCE, SECONDS);
        return text == null ? "nothing in 20 s" : text;
    }

    /** A back end that gives up when it is interrupted. */
    private static VcpuExit awaitOrFail(CountDownLatch latch) {
        try {
            latch.await();
            return VcpuExit.KICKED;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A back end that does not. */
    private static VcpuExit awaitStubbornly(CountDownLatch latch) {
        while (true) {
            try {
                latch.await();
                return VcpuExit.KICKED;
            } catch (InterruptedException e) {
                heard(e);
            }
        }
    }

    private static void heard(InterruptedException ignored) {}
}
