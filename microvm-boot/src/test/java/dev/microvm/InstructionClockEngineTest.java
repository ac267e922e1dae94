package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.testing.RepeatableRun;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.clock.GuestClock;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.testing.ChildJvm;
import dev.microvm.testing.Lanes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** With an instruction clock a guest does the same in each run: {@link RepeatableRun}. */
@Lanes.Engine
@Timeout(600)
final class InstructionClockEngineTest {
    @TempDir
    private Path folder;

    @Test
    void linuxDoesTheSame_instructionForInstruction_inThisJvmAndInAnother() throws Exception {
        RepeatableRun first = RepeatableRun.of(folder);
        assertThat(first.exit()).as(first.console()).isEqualTo("EXIT_PORT OptionalInt[42]");
        assertThat(first.console())
                .contains("clocksource=tsc.")
                .contains("heard hello")
                .contains("Jan  1 00:00:05");

        RepeatableRun second = RepeatableRun.of(folder);
        assertThat(second.console()).isEqualTo(first.console());
        assertThat(second.trace()).isEqualTo(first.trace());

        assertThat(inAnotherJvm()).isEqualTo(first.toLine());
    }

    /** One whose threads have other speeds: its compiler is the simple one. */
    private String inAnotherJvm() throws Exception {
        Path result = folder.resolve("result");
        Process process = new ProcessBuilder(
                        ChildJvm.java(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        ChildJvm.classPath(),
                        RepeatableRun.class.getName(),
                        folder.toString(),
                        result.toString())
                .inheritIO()
                .start();
        try {
            assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
            assertThat(process.exitValue()).isZero();
        } finally {
            process.destroyForcibly();
        }
        return Files.readString(result);
    }

    @Test
    void refusesToType_atATimeOfTheHostsClock() {
        try (MicroVm vm = tiny("spin").start()) {
            assertThatExceptionOfType(MicroVmException.class)
                    .isThrownBy(() -> vm.console().type("now"))
                    .withMessageContaining("MicroVmBuilder.typeAt");
            assertThat(vm.describe()).contains("1 ns for each instruction, from 2000-01-01T00:00:00Z");
        }
    }

    @Test
    void typesWhenTheGuestsTimeHasCome() {
        try (MicroVm vm = tiny("chat").typeAt(Duration.ofMillis(5), "hello.").start()) {
            assertThat(vm.awaitExit(Duration.ofMinutes(1)).exitCode()).isEqualTo(OptionalInt.of(7));
            assertThat(vm.console().text()).contains("HELLO");
        }
    }

    @Test
    void doesTheSame_whenItIsPausedMeanwhile() {
        assertThat(requests(/* pauses= */ 20)).isEqualTo(requests(0));
    }

    /** What a driver prints that makes requests for some time of its own. */
    private String requests(int pauses) {
        try (MicroVm vm = TinyKernel.of("virtio", folder, "endless")
                .hypervisor(HypervisorChoice.ENGINE)
                .clock(GuestClock.instructions(1))
                .virtioRng(new SplittableRandom(1))
                .typeAt(Duration.ofMillis(5), "x")
                .start()) {
            vm.console().awaitText(".", Duration.ofMinutes(1));
            for (int i = 0; i < pauses; i++) {
                vm.pause();
                vm.resume();
            }
            assertThat(vm.awaitExit(Duration.ofMinutes(1)).exitCode()).hasValue(0);
            return vm.console().text();
        }
    }

    private MicroVmBuilder tiny(String cmdline) {
        return TinyKernel.on(folder, cmdline)
                .hypervisor(HypervisorChoice.ENGINE)
                .clock(GuestClock.instructions(1));
    }
}
