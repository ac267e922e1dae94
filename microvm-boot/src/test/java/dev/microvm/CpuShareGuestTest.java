package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A guest with a small share of a CPU runs, and the host waits for nothing because of it. */
@Lanes.TinyGuests
@Timeout(60)
final class CpuShareGuestTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir
    private Path folder;

    @Test
    void pausesResumesAndStops_withTheSmallestShare() {
        try (MicroVm vm = TinyKernel.on(folder, "spin").vcpus(2).cpuShare(1).start()) {
            vm.console().awaitText("tiny kernel\n", SOON);
            for (int i = 0; i < 5; i++) {
                vm.pause();
                assertThat(vm.state()).isEqualTo(VmState.PAUSED);
                vm.resume();
            }
            assertThat(vm.stop().reason()).isEqualTo(Reason.STOPPED);
        }
        assertThat(shareThreads()).isZero();
    }

    @Test
    void reachesItsEnd_withTheSmallestShare() {
        try (MicroVm vm = TinyKernel.on(folder, "exit").cpuShare(1).start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.EXIT_PORT);
        }
    }

    @Test
    void isChangedWhileTheGuestRuns() {
        try (MicroVm vm = TinyKernel.on(folder, "chat").name("share").start()) {
            assertThat(vm.cpuShare()).isEqualTo(100);
            assertThat(shareThreads()).isZero();
            vm.cpuShare(5);
            assertThat(shareThreads()).isEqualTo(1);
            vm.console().type("one ");
            vm.console().awaitText("ONE", SOON);
            vm.cpuShare(100);
            vm.cpuShare(50);
            vm.cpuShare(100);
            vm.console().type("two.");
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.EXIT_PORT);
        }
        assertThat(shareThreads()).isZero();
    }

    @Test
    void lastsThroughRestarts() {
        try (MicroVm vm =
                TinyKernel.on(folder, "panic").onReset(ResetAction.RESTART).start()) {
            vm.cpuShare(20);
            for (int run = 0; run < 3; run++) vm.console().awaitText("as asked\n", SOON);
            assertThat(vm.cpuShare()).isEqualTo(20);
        }
    }

    @Test
    void isRefused_whenItIsOutOfRange() {
        assertThatExceptionOfType(MicroVmConfigException.class)
                .isThrownBy(() -> TinyKernel.on(folder, "spin").cpuShare(0).build())
                .withMessageContaining("cpuShare: 1 to 100 percent, was 0");
        try (MicroVm vm = TinyKernel.on(folder, "spin").build()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> vm.cpuShare(101))
                    .withMessage("cpuShare: 1 to 100 percent, was 101");
        }
    }

    private static long shareThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("microvm-")
                        && thread.getName().endsWith("-share"))
                .count();
    }
}
