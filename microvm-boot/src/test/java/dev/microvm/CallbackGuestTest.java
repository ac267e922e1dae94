package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.bus.BusDevice;
import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.rng.VirtioRng;
import dev.microvm.model.ExitReport;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.ProcessUse;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Code of the user that reports something may use the machine as any other code; code that serves
 * the guest is refused what would wait for itself.
 */
@Lanes.TinyGuests
@Timeout(60)
final class CallbackGuestTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir
    private Path folder;

    /** Where the machine calls code of the user's that reports something. */
    enum Callback {
        EXIT {
            @Override
            MicroVm start(MicroVmBuilder machine, Consumer<MicroVm> code) {
                MicroVm vm = machine.start();
                vm.onExit().thenRun(() -> code.accept(vm));
                return vm;
            }
        },
        CONSOLE {
            @Override
            MicroVm start(MicroVmBuilder machine, Consumer<MicroVm> code) {
                CompletableFuture<MicroVm> made = new CompletableFuture<>();
                MicroVm vm = machine.serial(new OutputStream() {
                            @Override
                            public void write(int b) throws IOException {
                                if (b == 't') code.accept(made.join()); // once, of "tiny kernel"
                            }
                        })
                        .build();
                made.complete(vm);
                return vm.start();
            }
        },
        HOST_END {
            @Override
            MicroVm start(MicroVmBuilder machine, Consumer<MicroVm> code) {
                CompletableFuture<MicroVm> made = new CompletableFuture<>();
                MicroVm vm = machine.virtioDevice("own", new CallingEnd(() -> code.accept(made.join())))
                        .build();
                made.complete(vm);
                return vm.start();
            }
        };

        /** Starts the machine with this code at that place. */
        abstract MicroVm start(MicroVmBuilder machine, Consumer<MicroVm> code);
    }

    @ParameterizedTest
    @EnumSource
    void canCloseTheMachine(Callback callback) throws Exception {
        CompletableFuture<@Nullable Throwable> outcome = new CompletableFuture<>();

        MicroVm vm = callback.start(machine("exit"), each -> outcome.complete(catchThrowable(each::close)));

        assertThat(outcome.get(SOON.toSeconds(), TimeUnit.SECONDS)).isNull();
        assertThat(vm.state()).isEqualTo(VmState.CLOSED);
        assertThat(threads("-vcpu-")).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void canStopAndShutDownTheMachine(Callback callback) throws Exception {
        CompletableFuture<ExitReport> report = new CompletableFuture<>();

        try (MicroVm vm = callback.start(machine("exit"), each -> {
            each.stop();
            report.complete(each.shutDown(SOON));
        })) {
            assertThat(report.get(SOON.toSeconds(), TimeUnit.SECONDS)).isEqualTo(vm.awaitExit(SOON));
        }
    }

    @ParameterizedTest
    @EnumSource
    void doesNotKeepTheMachineFromEnding_whenItBlocksForEver(Callback callback) throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        CountDownLatch blocks = new CountDownLatch(1);
        ProcessUse before = ProcessUse.now();
        MicroVm vm = callback.start(machine("exit"), each -> {
            blocks.countDown();
            awaitEvenIfInterrupted(never);
        });
        try (vm) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(ExitReport.Reason.EXIT_PORT);
            assertThat(blocks.await(SOON.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } finally {
            never.countDown();
        }
        assertThat(vm.state()).isEqualTo(VmState.CLOSED);
        assertThat(ProcessUse.now().kvmDescriptors()).isEqualTo(before.kvmDescriptors());
        assertThat(threads("-vcpu-")).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void doesNotKeepTheMachineFromEnding_whenItFails(Callback callback) {
        MicroVm vm = callback.start(machine("exit"), each -> {
            throw new IllegalStateException("as asked");
        });
        try (vm) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(ExitReport.Reason.EXIT_PORT);
        }
        assertThat(threads("-vcpu-")).isZero();
    }

    @Test
    void closesItself_whenNobodyElseWaits() {
        MicroVm vm = machine("exit").start();

        CompletableFuture<Void> closed =
                vm.onExit().thenRun(vm::close).toCompletableFuture().orTimeout(SOON.toSeconds(), TimeUnit.SECONDS);

        closed.join();
        assertThat(vm.state()).isEqualTo(VmState.CLOSED);
    }

    @Test
    void pausesAndResumesTheGuest_whileItPrints() throws Exception {
        CompletableFuture<VmState> paused = new CompletableFuture<>();
        try (MicroVm vm = Callback.CONSOLE.start(machine("spin"), each -> {
            each.pause();
            VmState between = each.state();
            each.resume();
            paused.complete(between);
        })) {
            assertThat(paused.get(SOON.toSeconds(), TimeUnit.SECONDS)).isEqualTo(VmState.PAUSED);
            assertThat(vm.stop().reason()).isEqualTo(ExitReport.Reason.STOPPED);
        }
    }

    @Test
    void isRefusedWhatWouldWaitForItself_inADevice() throws Exception {
        CompletableFuture<MicroVm> made = new CompletableFuture<>();
        CompletableFuture<Throwable> waits = new CompletableFuture<>();
        CompletableFuture<Throwable> shutsDown = new CompletableFuture<>();
        BusDevice device = new BusDevice() {
            @Override
            public long read(long offset, int size) {
                waits.complete(catchThrowable(() -> made.join().awaitExit(SOON)));
                shutsDown.complete(catchThrowable(() -> made.join().shutDown(SOON)));
                return 0;
            }

            @Override
            public void write(long offset, int size, long value) {
                made.join().stop();
            }
        };
        try (MicroVm vm =
                machine("x").portDevice("own", 0x600, 4, context -> device).build()) {
            made.complete(vm);
            assertThat(vm.start().awaitExit(SOON).reason()).isEqualTo(ExitReport.Reason.STOPPED);
        }
        assertThat(waits.get()).isInstanceOf(IllegalStateException.class).hasMessageContaining("wait for its end");
        assertThat(shutsDown.get()).isInstanceOf(IllegalStateException.class).hasMessageContaining("shut it down");
    }

    private MicroVmBuilder machine(String ending) {
        return TinyKernel.on(folder, ending).name("calls");
    }

    private static long threads(String part) {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("microvm-calls") && name.contains(part))
                .count();
    }

    private static void awaitEvenIfInterrupted(CountDownLatch latch) {
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

    private record CallingEnd(Runnable code) implements HostEnd {
        @Override
        public VirtioDevice create(VirtioTransport transport) {
            return new VirtioRng(transport, new SplittableRandom(1));
        }

        @Override
        public void end() {
            code.run();
        }
    }
}
