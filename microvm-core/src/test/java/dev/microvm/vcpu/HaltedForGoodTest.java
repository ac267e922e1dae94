package dev.microvm.vcpu;

import static dev.microvm.hypervisor.ActivityState.HALTED;
import static dev.microvm.hypervisor.ActivityState.INIT_RECEIVED;
import static dev.microvm.hypervisor.ActivityState.RUNNING;
import static dev.microvm.hypervisor.ActivityState.SIPI_RECEIVED;
import static dev.microvm.hypervisor.ActivityState.UNINITIALIZED;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.bus.IoBuses;
import dev.microvm.hypervisor.ActivityState;
import dev.microvm.testing.ScriptedVcpu;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which vCPUs count as halted for good, by vCPUs without a guest. */
@Timeout(60)
final class HaltedForGoodTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final long IF = 1 << 9;

    private final AtomicInteger failures = new AtomicInteger();
    private VcpuThreads threads = new VcpuThreads("none", List.of());

    @AfterEach
    void stop() {
        assertThat(threads.stopAndJoin(PATIENCE)).isTrue();
        assertThat(failures).hasValue(0);
    }

    @Test
    void isTrue_whenAllHaltWithInterruptsOff_orWereNeverStarted() throws Exception {
        start(vcpu(0, HALTED, 0, false), vcpu(1, UNINITIALIZED, 0, false), vcpu(2, INIT_RECEIVED, 0, false));

        assertThat(threads.haltedForGood(PATIENCE)).isTrue();
    }

    @Test
    void isFalse_whenOneCanRunAgain() throws Exception {
        for (ScriptedVcpu other : List.of(
                vcpu(1, HALTED, IF, false),
                vcpu(1, HALTED, 0, true),
                vcpu(1, RUNNING, 0, false),
                vcpu(1, SIPI_RECEIVED, 0, false))) {
            start(vcpu(0, HALTED, 0, false), other);

            assertThat(threads.haltedForGood(PATIENCE)).isFalse();
            stop();
        }
    }

    @Test
    void isFalse_whilePausedOrStopped() throws Exception {
        start(vcpu(0, HALTED, 0, false));
        threads.pause(PATIENCE);
        assertThat(threads.haltedForGood(PATIENCE)).isFalse();
        threads.resume();
        assertThat(threads.haltedForGood(PATIENCE)).isTrue();

        threads.stop();

        assertThat(threads.haltedForGood(PATIENCE)).isFalse();
    }

    @Test
    void letsAllRunAgain() throws Exception {
        ScriptedVcpu vcpu = vcpu(0, HALTED, IF, false);
        start(vcpu);
        for (int i = 0; i < 50; i++) {
            assertThat(threads.haltedForGood(PATIENCE)).isFalse();
        }
        threads.pause(PATIENCE);
        int before = vcpu.runs();
        threads.resume();
        while (vcpu.runs() == before) Thread.onSpinWait();
        assertThat(vcpu.runs()).isGreaterThan(before);
    }

    private static ScriptedVcpu vcpu(int index, ActivityState activity, long rflags, boolean nmiPending) {
        return ScriptedVcpu.spinning(index).state(activity, rflags, nmiPending);
    }

    private void start(ScriptedVcpu... vcpus) throws InterruptedException {
        VcpuLoop.Listener listener = new VcpuLoop.Listener() {
            @Override
            public void shutdown(int vcpu) {
                failures.incrementAndGet();
            }

            @Override
            public void failed(int vcpu, Throwable cause) {
                failures.incrementAndGet();
            }
        };
        threads = new VcpuThreads(
                "test",
                Stream.of(vcpus)
                        .map(vcpu -> new VcpuLoop(vcpu.vcpu(), new IoBuses(), listener))
                        .toList());
        threads.start();
        for (ScriptedVcpu vcpu : vcpus) vcpu.awaitRun();
    }
}
