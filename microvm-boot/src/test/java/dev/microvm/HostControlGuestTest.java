package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.boot.testing.TestMachine;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the host does to a running machine: a start without a first instruction, resets, buttons. */
@Lanes.TinyGuests
@Timeout(60)
final class HostControlGuestTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir
    private Path folder;

    @Test
    void executesNothingBeforeTheResume_whenStartedPaused() {
        try (MicroVm vm = TinyKernel.on(folder, "exit").build().startPaused()) {
            assertThat(vm.state()).isEqualTo(VmState.PAUSED);
            long entry = vm.pause().registers(0).rip();
            assertThat(vm.pause().registers(0).rip()).isEqualTo(entry);
            assertThat(vm.console().text()).isEmpty();

            vm.resume();

            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.EXIT_PORT);
        }
    }

    @Test
    void startsAgain_whenTheHostResetsIt() throws InterruptedException {
        CountDownLatch restarted = new CountDownLatch(1);
        try (MicroVm vm = TinyKernel.on(folder, "idle")
                .onReset(ResetAction.RESTART)
                .build()
                .start()) {
            vm.onRestart(restarted::countDown);

            vm.reset();

            assertThat(restarted.await(SOON.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(vm.restarts()).isEqualTo(1);
            assertThat(vm.state()).isEqualTo(VmState.RUNNING);
        }
    }

    @Test
    void ends_whenTheHostResetsIt_andResetsEnd() {
        try (MicroVm vm = TinyKernel.on(folder, "idle").start()) {
            vm.reset();

            assertThat(vm.awaitExit(SOON)).satisfies(report -> {
                assertThat(report.reason()).isEqualTo(Reason.RESET);
                assertThat(report.detail()).isEqualTo("the host");
            });
            assertThatIllegalStateException().isThrownBy(vm::reset).withMessageContaining("has ended");
        }
    }

    @Test
    void ignoresThePowerButton_whenTheGuestHasEnded() {
        try (MicroVm vm = TinyKernel.on(folder, "exit").start()) {
            vm.awaitExit(SOON);
            vm.pressPowerButton();
            assertThat(vm.state()).isEqualTo(VmState.ENDED);
        }
    }

    @Test
    void namesTheHypervisor_beforeTheStart() {
        try (MicroVm vm = TinyKernel.on(folder, "exit").build()) {
            assertThat(vm.hypervisor()).isEqualTo(TestMachine.onEngine() ? "engine" : "kvm");
            assertThat(vm.hypervisorReason()).isNotEmpty();
        }
    }
}
