package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.bus.BusDevice;
import dev.microvm.clock.ClockOnResume;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.Irqchip;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Tiny guests that are paused and resumed in the middle of what they do, on any hypervisor. */
@Lanes.TinyGuests
@Timeout(300)
final class PauseGuestTest {
    private static final Duration SOON = Duration.ofSeconds(90);
    private static final int PAUSES = 100;
    private static final String PROGRESS = "."; // of virtio.S

    @TempDir
    private Path folder;

    static Stream<Arguments> machines() {
        return TestMachine.irqchips()
                .flatMap(irqchip -> Stream.of(1, 4)
                        .flatMap(vcpus ->
                                Stream.of("endless", "disk").map(scenario -> Arguments.of(irqchip, vcpus, scenario))));
    }

    private MicroVmBuilder guest(String scenario) {
        MicroVmBuilder builder = TinyKernel.of("virtio", folder, scenario);
        return scenario.equals("disk")
                ? builder.virtioBlk(DiskImage.raw(disk()).readOnly())
                : builder.virtioRng(new SplittableRandom(1));
    }

    private Path disk() {
        try {
            return Files.write(folder.resolve("disk"), new byte[4096]);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @MethodSource("machines")
    void losesNoRequest_inAHundredPauses(Irqchip irqchip, int vcpus, String scenario) {
        try (MicroVm vm = guest(scenario).irqchip(irqchip).vcpus(vcpus).start()) {
            int seen = 0;
            for (int i = 0; i < PAUSES; i++) {
                for (int printed = progress(vm); seen <= printed; seen++)
                    vm.console().awaitText(PROGRESS, SOON);
                vm.pause();
                String paused = vm.console().text();
                assertThat(vm.state()).isEqualTo(VmState.PAUSED);
                assertThat(vm.console().text()).isEqualTo(paused);
                vm.resume(i % 2 == 0 ? ClockOnResume.CONTINUE : ClockOnResume.CATCH_UP);
                assertThat(vm.state()).isEqualTo(VmState.RUNNING);
            }
            vm.console().type("x"); // the guest ends

            assertThat(vm.awaitExit(SOON).exitCode()).as(vm.console().text()).hasValue(0);
            assertThat(vm.console().text()).endsWith("\nlost 00\n");
        }
    }

    private static int progress(MicroVm vm) {
        return (int)
                vm.console().text().chars().filter(c -> c == PROGRESS.charAt(0)).count();
    }

    @Test
    void seesWhatWasTypedMeanwhile() {
        try (MicroVm vm = guest("endless").start()) {
            vm.console().awaitText(PROGRESS, SOON);
            vm.pause();
            vm.console().type("x");
            vm.resume();

            assertThat(vm.awaitExit(SOON).exitCode()).as(vm.console().text()).hasValue(0);
        }
    }

    @Test
    void isPausedOnce_whenItIsPausedTwice() {
        try (MicroVm vm = guest("endless").start()) {
            vm.resume(); // it was not paused
            vm.pause();
            vm.pause();
            vm.resume();
            assertThat(vm.state()).isEqualTo(VmState.RUNNING);
            vm.console().type("x");

            assertThat(vm.awaitExit(SOON).exitCode()).hasValue(0);
        }
    }

    @Test
    void canBeStopped_whileItIsPaused() {
        try (MicroVm vm = guest("endless").start()) {
            vm.pause();

            assertThat(vm.stop().reason()).isEqualTo(Reason.STOPPED);
            assertThat(vm.state()).isEqualTo(VmState.ENDED);
        }
    }

    @Test
    void canBeClosed_whileItIsPaused() {
        MicroVm vm = guest("disk").start();
        vm.console().awaitText(PROGRESS, SOON);
        vm.pause();
        vm.close();

        assertThat(vm.state()).isEqualTo(VmState.CLOSED);
        assertThat(vm.exitReport())
                .hasValueSatisfying(report -> assertThat(report.reason()).isEqualTo(Reason.STOPPED));
    }

    @Test
    void isStopped_whenItIsShutDownWhileItIsPaused() {
        try (MicroVm vm = guest("endless").start()) {
            vm.pause();

            assertThat(vm.shutDown(Duration.ofMillis(1)).reason()).isEqualTo(Reason.STOPPED);
        }
    }

    @Test
    void refuses_whenItDoesNotRun() {
        MicroVm vm = guest("endless").name("mine").build();
        assertThatIllegalStateException().isThrownBy(vm::pause).withMessage("machine mine was not started");
        vm.start();
        vm.stop();
        assertThatIllegalStateException()
                .isThrownBy(vm::pause)
                .withMessage("cannot pause machine mine, which has ended: STOPPED");
        assertThatIllegalStateException()
                .isThrownBy(vm::resume)
                .withMessage("cannot resume machine mine, which has ended: STOPPED");
        vm.close();
        assertThatIllegalStateException()
                .isThrownBy(vm::pause)
                .withMessage("cannot pause machine mine, which is closed");
    }

    @Test
    void refuses_inADevice() throws Exception {
        CompletableFuture<MicroVm> machine = new CompletableFuture<>();
        CompletableFuture<String> refusal = new CompletableFuture<>();
        BusDevice pauses = new BusDevice() {
            @Override
            public long read(long offset, int size) {
                return 0;
            }

            @Override
            public void write(long offset, int size, long value) {
                try {
                    machine.join().pause();
                } catch (IllegalStateException e) {
                    refusal.complete(e.getMessage());
                }
            }
        };
        try (MicroVm vm = guest("endless")
                .portDevice("pauses", 0x80, 1, context -> pauses)
                .build()) {
            machine.complete(vm);
            vm.start(); // POST_PORT is written at each end of an interrupt

            assertThat(refusal.get()).contains("cannot pause it: use a thread of your own");
        }
    }

    @Test
    void startsAgain_afterPausesBetweenItsRuns() {
        try (MicroVm vm = TinyKernel.on(folder, "keyboard reset")
                .onReset(ResetAction.RESTART)
                .start()) {
            for (int i = 0; i < 10; i++) {
                vm.pause();
                int paused = vm.restarts();
                assertThat(vm.state()).isEqualTo(VmState.PAUSED);
                vm.resume();
                while (vm.restarts() == paused) Thread.onSpinWait();
            }
        }
    }
}
