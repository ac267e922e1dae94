package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.testing.FixedDevice;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A machine that is closed while another thread starts it. A device of the machine, which is made
 * before the kernel is loaded, lets the test act in the middle of the start.
 */
@Lanes.TinyGuests
@Timeout(60)
final class CloseWhileStartingGuestTest {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final int PORT = 0x600;

    @TempDir
    private Path folder;

    private final AtomicReference<@Nullable MicroVm> vm = new AtomicReference<>();
    private final AtomicReference<@Nullable Thread> closer = new AtomicReference<>();

    @Test
    void endsTheStartBeforeTheKernelIsLoaded_whenAnotherThreadCloses() throws InterruptedException {
        vm.set(machine(this::closeAndAwaitTheEnd, ResetAction.END));

        assertThatExceptionOfType(MicroVmException.class)
                .isThrownBy(() -> vm().start())
                .withMessageContaining("was closed or stopped while it started");
        closer().join();
        assertThat(vm().state()).isEqualTo(VmState.CLOSED);
        assertThat(vm().exitReport().orElseThrow().reason()).isEqualTo(Reason.STOPPED);
    }

    @Test
    void tellsItsState_whileAnotherThreadStartsIt() {
        AtomicReference<@Nullable VmState> seen = new AtomicReference<>();
        vm.set(machine(() -> join(Thread.ofPlatform().start(() -> seen.set(vm().state()))), ResetAction.END));

        try (MicroVm started = vm().start()) {
            assertThat(started.awaitExit(SOON).reason()).isEqualTo(Reason.RESET);
        }
        assertThat(seen.get()).isEqualTo(VmState.NEW);
    }

    @Test
    void endsTheRestart_whenAnotherThreadCloses() throws InterruptedException {
        AtomicInteger starts = new AtomicInteger();
        vm.set(machine(
                () -> {
                    if (starts.incrementAndGet() == 2) closeAndAwaitTheEnd();
                },
                ResetAction.RESTART));

        vm().start();

        assertThat(vm().awaitExit(SOON).reason()).isEqualTo(Reason.STOPPED);
        closer().join();
        assertThat(vm().state()).isEqualTo(VmState.CLOSED);
    }

    @Test
    void refusesASecondStart_whileTheFirstIsUnderWay() {
        AtomicReference<@Nullable Throwable> second = new AtomicReference<>();
        vm.set(machine(
                () -> join(Thread.ofPlatform().start(() -> {
                    try {
                        vm().start();
                    } catch (IllegalStateException e) {
                        second.set(e);
                    }
                })),
                ResetAction.END));

        try (MicroVm started = vm().start()) {
            assertThat(started.awaitExit(SOON).reason()).isEqualTo(Reason.RESET);
        }
        assertThat(second.get()).hasMessageContaining("was started before");
    }

    /** Closes the machine on another thread, and returns when this has got as far as it can. */
    private void closeAndAwaitTheEnd() {
        Thread thread = Thread.ofPlatform().unstarted(() -> vm().close());
        closer.set(thread);
        thread.start();
        vm().onExit().toCompletableFuture().join();
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private MicroVm vm() {
        return Objects.requireNonNull(vm.get());
    }

    private Thread closer() {
        return Objects.requireNonNull(closer.get());
    }

    /** A machine whose guest resets itself; {@code whenMade} runs each time it is put together. */
    private MicroVm machine(Runnable whenMade, ResetAction onReset) {
        return TinyKernel.on(folder, "kbc")
                .onReset(onReset)
                .portDevice("hook", PORT, 1, context -> {
                    whenMade.run();
                    return new FixedDevice(0);
                })
                .build();
    }
}
