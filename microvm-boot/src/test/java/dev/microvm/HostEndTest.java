package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.rng.VirtioRng;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.ExitReport;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A machine treats a user's own device with a host end like its own devices, through all runs. */
@Lanes.TinyGuests
final class HostEndTest {
    private static final Duration SOON = Duration.ofSeconds(30);

    @TempDir
    private Path folder;

    @Test
    void isOpenedOnce_attachedForEachRun_endedAndClosed() {
        Recorder recorder = new Recorder();
        MicroVm vm = machine("kbc")
                .virtioDevice("own", recorder)
                .onReset(ResetAction.RESTART)
                .start();

        recorder.awaitRuns(3);
        vm.stop();
        vm.close();

        List<String> calls = recorder.calls();
        assertThat(calls.getFirst()).isEqualTo("open");
        assertThat(calls.subList(1, calls.size() - 2))
                .hasSizeGreaterThanOrEqualTo(3)
                .containsOnly("create");
        assertThat(calls.subList(calls.size() - 2, calls.size())).containsExactly("end", "close");
    }

    @Test
    void keepsTheMachineFromStarting_whenItCannotBeOpened() {
        Recorder recorder = new Recorder() {
            @Override
            public void open() {
                throw new MicroVmException("own: cannot be opened");
            }
        };

        assertThatExceptionOfType(MicroVmException.class)
                .isThrownBy(() -> machine("exit").virtioDevice("own", recorder).start())
                .withMessage("own: cannot be opened");
        assertThat(recorder.calls()).contains("close").doesNotContain("create");
    }

    @Test
    void doesNotKeepTheMachineFromEnding_whenItFails() {
        Recorder recorder = new Recorder() {
            @Override
            public void end() {
                throw new StackOverflowError("as asked");
            }
        };
        Recorder next = new Recorder();
        try (MicroVm vm = machine("spin")
                .virtioDevice("failing", recorder)
                .virtioDevice("next", next)
                .start()) {
            vm.stop();

            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(ExitReport.Reason.STOPPED);
            assertThat(next.calls()).contains("end");
        }
    }

    @Test
    void isClosed_whenTheMachineWasNeverStarted() {
        Recorder recorder = new Recorder();

        machine("exit").virtioDevice("own", recorder).build().close();

        assertThat(recorder.calls()).containsExactly("close");
    }

    private MicroVmBuilder machine(String ending) {
        return TinyKernel.on(folder, ending);
    }

    private static class Recorder implements HostEnd {
        private final List<String> calls = new CopyOnWriteArrayList<>();
        private int runs; // guarded by this

        @Override
        public void open() {
            calls.add("open");
        }

        @Override
        public VirtioDevice create(VirtioTransport transport) {
            calls.add("create");
            synchronized (this) {
                runs++;
                notifyAll();
            }
            return new VirtioRng(transport, new SplittableRandom(1));
        }

        @Override
        public void end() {
            calls.add("end");
        }

        @Override
        public void close() {
            calls.add("close");
        }

        List<String> calls() {
            return List.copyOf(calls);
        }

        synchronized void awaitRuns(int count) {
            long deadline = System.nanoTime() + SOON.toNanos();
            while (runs < count) {
                long left = deadline - System.nanoTime();
                if (left <= 0) throw new AssertionError("only " + runs + " runs");
                try {
                    TimeUnit.NANOSECONDS.timedWait(this, left);
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }
        }
    }
}
