package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.error.MicroVmException;
import dev.microvm.limits.Budget;
import dev.microvm.limits.JvmBudgets;
import dev.microvm.model.ExitReport;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.ProcessUse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A machine takes its part of the JVM's budgets at its start, and gives it back at its release. */
@Lanes.TinyGuests
@Timeout(60)
final class BudgetGuestTest {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final long MEMORY = 16L << 20; // of the tiny kernel's machine
    private static final long THREADS = 2; // vCPU and I/O

    @TempDir
    private Path folder;

    static Stream<Budget> budgets() {
        return Stream.of(JvmBudgets.memory(), JvmBudgets.threads());
    }

    @Test
    void holdsMemoryAndThreads_fromItsStartToItsRelease_throughRestarts() {
        long memory = JvmBudgets.memory().used();
        long threads = JvmBudgets.threads().used();
        MicroVm vm = TinyKernel.on(folder, "panic").onReset(ResetAction.RESTART).build();
        assertThat(JvmBudgets.memory().used()).isEqualTo(memory);

        try (vm) {
            vm.start();
            for (int run = 0; run < 3; run++) vm.console().awaitText("as asked\n", SOON);
            assertThat(JvmBudgets.memory().used()).isEqualTo(memory + MEMORY);
            assertThat(JvmBudgets.threads().used()).isEqualTo(threads + THREADS);
            assertThat(vm.describe())
                    .containsPattern("threads +2\\R")
                    .containsPattern("budget +\\d+ bytes of guest memory in use by all machines, no limit\\R")
                    .containsPattern("budget +\\d+ of 4096 threads of machines in use by all machines\\R");
        }

        assertThat(JvmBudgets.memory().used()).isEqualTo(memory);
        assertThat(JvmBudgets.threads().used()).isEqualTo(threads);
    }

    @ParameterizedTest
    @MethodSource("budgets")
    void doesNotStart_whenABudgetHasNoRoom_andLeavesNothing(Budget budget) {
        TinyKernel.on(folder, "exit").start().close(); // what the JVM keeps of a first machine is there from here on
        ProcessUse before = ProcessUse.now();
        try (Budget.Share others = budget.open("others", () -> {})) {
            others.tryTake(budget.limit() - budget.used());
            long used = budget.used();
            MicroVm vm = TinyKernel.on(folder, "exit").name("late").build();

            assertThatExceptionOfType(MicroVmException.class)
                    .isThrownBy(vm::start)
                    .withMessageStartingWith("machine late needs ")
                    .withMessageContaining(budget.name() + ", and " + budget + " are in use: close other machines");
            assertThat(budget.used()).isEqualTo(used);
            assertThat(vm.state()).isEqualTo(VmState.CLOSED);
        }
        ProcessUse after = ProcessUse.now();
        assertThat(after.descriptors()).isEqualTo(before.descriptors());
        assertThat(after.machineThreads()).isEqualTo(before.machineThreads());
    }

    @Test
    void givesBack_whenTheGuestCannotBeMade() {
        long memory = JvmBudgets.memory().used();
        MicroVm vm = TinyKernel.on(folder, "exit")
                .portDevice("failing", 0x600, 4, context -> {
                    throw new IllegalStateException("as asked");
                })
                .build();

        assertThatExceptionOfType(MicroVmException.class).isThrownBy(vm::start);

        assertThat(JvmBudgets.memory().used()).isEqualTo(memory);
    }

    @Test
    void holdsIt_whenTheGuestHasEnded_untilItIsClosed() {
        long memory = JvmBudgets.memory().used();
        try (MicroVm vm = TinyKernel.on(folder, "exit").start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(ExitReport.Reason.EXIT_PORT);
            assertThat(JvmBudgets.memory().used()).isEqualTo(memory + MEMORY);
        }
        assertThat(JvmBudgets.memory().used()).isEqualTo(memory);
    }
}
