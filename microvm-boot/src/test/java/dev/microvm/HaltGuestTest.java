package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.testing.TestMachine;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.model.ExitReport;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.HaltAction;
import dev.microvm.model.Irqchip;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The host is told that a guest has halted for good, and of no other halt. */
@Lanes.TinyGuests
@Timeout(60)
final class HaltGuestTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir
    private Path folder;

    static Stream<Irqchip> irqchips() {
        return TestMachine.irqchips();
    }

    @ParameterizedTest
    @MethodSource("irqchips")
    void ends_whenTheOnlyCpuHaltsWithInterruptsOff(Irqchip irqchip) {
        try (MicroVm vm = TinyKernel.on(folder, "halt").irqchip(irqchip).start()) {
            ExitReport report = vm.awaitExit(SOON);

            assertThat(report.reason()).isEqualTo(Reason.HALTED);
            assertThat(report.detail()).isEqualTo("all vCPUs wait in HLT with interrupts off");
            assertThat(vm.console().text()).isEqualTo("tiny kernel\n");
        }
    }

    @ParameterizedTest
    @MethodSource("irqchips")
    void ends_whenTheOtherCpusWereNeverStarted(Irqchip irqchip) {
        try (MicroVm vm =
                TinyKernel.on(folder, "halt").irqchip(irqchip).vcpus(3).start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.HALTED);
        }
    }

    @Test
    void isNoReset_whenResetsRestartTheMachine() {
        try (MicroVm vm =
                TinyKernel.on(folder, "halt").onReset(ResetAction.RESTART).start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.HALTED);
            assertThat(vm.restarts()).isZero();
        }
    }

    @Test
    void stays_whenAskedTo_andSaysSoWhenWaitedFor() throws Exception {
        try (MicroVm vm = TinyKernel.on(folder, "halt").onHalt(HaltAction.STAY).start()) {
            long deadline = System.nanoTime() + SOON.toNanos();
            while (!vm.hasHalted() && System.nanoTime() < deadline) Thread.sleep(5);

            assertThat(vm.hasHalted()).isTrue();
            assertThat(vm.state()).isEqualTo(VmState.RUNNING);
            assertThatExceptionOfType(AwaitTimeoutException.class)
                    .isThrownBy(() -> vm.awaitExit(Duration.ofMillis(1)))
                    .withMessageContaining("all its vCPUs have halted for good");
        }
    }

    /** Longer than it takes to notice one that has. */
    @ParameterizedTest
    @MethodSource("irqchips")
    void continues_whenAnInterruptCouldWakeIt(Irqchip irqchip) {
        try (MicroVm vm = TinyKernel.on(folder, "idle").irqchip(irqchip).start()) {
            assertThatExceptionOfType(AwaitTimeoutException.class)
                    .isThrownBy(() -> vm.awaitExit(Duration.ofSeconds(3)));
            assertThat(vm.hasHalted()).isFalse();
        }
    }

    @Test
    void isNotNoticedWhilePaused() {
        try (MicroVm vm = TinyKernel.on(folder, "halt").onHalt(HaltAction.STAY).start()) {
            vm.pause();
            boolean noticedBefore = vm.hasHalted();
            assertThatExceptionOfType(AwaitTimeoutException.class)
                    .isThrownBy(() -> vm.awaitExit(Duration.ofSeconds(3)));
            assertThat(vm.hasHalted()).isEqualTo(noticedBefore);
        }
    }
}
