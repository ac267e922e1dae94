package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.testing.FixedDevice;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.bus.BusDevice;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.ExitReport;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.Irqchip;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.ProcessUse;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The facade from start to end, with a tiny kernel on this machine's KVM. */
@Lanes.TinyGuests
@Timeout(60)
final class MicroVmGuestTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir
    private Path folder;

    @Test
    void reportsTheExitCode_whenTheGuestWritesToTheExitPort() {
        try (MicroVm vm = TinyKernel.on(folder, "exit").start()) {
            ExitReport report = vm.awaitExit(SOON);
            assertThat(report.reason()).isEqualTo(Reason.EXIT_PORT);
            assertThat(report.exitCode()).isEqualTo(OptionalInt.of(7));
            assertThat(vm.console().text()).isEqualTo("tiny kernel\n");
            assertThat(vm.state()).isEqualTo(VmState.ENDED);
        }
    }

    @Test
    void reportsAReset_whenTheGuestPulsesTheKeyboardController() {
        try (MicroVm vm = TinyKernel.on(folder, "kbc").start()) {
            ExitReport report = vm.awaitExit(SOON);
            assertThat(report.reason()).isEqualTo(Reason.RESET);
            assertThat(report.detail()).isEqualTo("keyboard controller");
            assertThat(report.exitCode()).isEmpty();
        }
    }

    @Test
    void reportsATripleFault() {
        try (MicroVm vm = TinyKernel.on(folder, "triple").start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.TRIPLE_FAULT);
        }
    }

    @Test
    void reportsAPanic_whenTheKernelSaysSoBeforeItResets() {
        try (MicroVm vm = TinyKernel.on(folder, "panic").start()) {
            ExitReport report = vm.awaitExit(SOON);
            assertThat(report.reason()).isEqualTo(Reason.PANIC);
            assertThat(report.detail()).isEqualTo("Kernel panic - not syncing: as asked");
        }
    }

    @Test
    void reportsAnErrorOfTheGuest_whenItRunsCodeWhereThereIsNoMemory() {
        try (MicroVm vm = TinyKernel.on(folder, "fly").start()) {
            ExitReport report = vm.awaitExit(SOON);
            assertThat(report.reason()).isEqualTo(Reason.GUEST_ERROR);
            assertThat(report.detail())
                    .contains("the guest runs code at 0x7ff00000, where there is no memory")
                    .contains("rip=000000007ff00000");
        }
    }

    @Test
    void stopsAGuestThatSpinsWithInterruptsOff() {
        try (MicroVm vm = TinyKernel.on(folder, "spin").start()) {
            vm.console().awaitText("tiny kernel", SOON);
            assertThat(vm.stop().reason()).isEqualTo(Reason.STOPPED);
            assertThat(vm.state()).isEqualTo(VmState.ENDED);
        }
    }

    @Test
    void closesAGuestThatSpinsWithInterruptsOff() {
        MicroVm vm = TinyKernel.on(folder, "spin").start();
        vm.console().awaitText("tiny kernel", SOON);
        vm.close();
        vm.close();
        assertThat(vm.state()).isEqualTo(VmState.CLOSED);
        assertThat(vm.exitReport()).get().extracting(ExitReport::reason).isEqualTo(Reason.STOPPED);
    }

    @Test
    void closesAMachineThatWasNeverStarted() {
        MicroVm vm = TinyKernel.on(folder, "spin").build();
        vm.close();
        assertThat(vm.state()).isEqualTo(VmState.CLOSED);
    }

    @Test
    void refusesToStartTwice() {
        try (MicroVm vm = TinyKernel.on(folder, "spin").start()) {
            assertThatIllegalStateException().isThrownBy(vm::start).withMessageContaining("was started before");
        }
    }

    @Test
    void carriesADialogueOnTheConsole() {
        try (MicroVm vm = TinyKernel.on(folder, "chat").start()) {
            vm.console().awaitText("tiny kernel\n", SOON);
            vm.console().type("one ");
            assertThat(vm.console().awaitText("ONE", SOON)).isEqualTo("ONE");
            vm.console().type("two.");
            assertThat(vm.console().awaitText("TWO", SOON)).isEqualTo(" TWO");
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.EXIT_PORT);
        }
    }

    @Test
    void losesNothing_whenMoreIsTypedThanTheGuestHasRead() throws Exception {
        String sent = "abcdefgh".repeat(500); // 250 times the FIFO
        try (MicroVm vm = TinyKernel.on(folder, "chat").start();
                InputStream output = vm.console().output()) {
            vm.console().type(sent + ".");
            vm.awaitExit(Duration.ofSeconds(40));
            assertThat(new String(output.readAllBytes(), StandardCharsets.UTF_8))
                    .isEqualTo("tiny kernel\n" + sent.toUpperCase(Locale.ROOT));
        }
    }

    @Test
    void copiesTheConsoleToAStream() {
        ByteArrayOutputStream copy = new ByteArrayOutputStream();
        try (MicroVm vm = TinyKernel.on(folder, "exit").serial(copy).start()) {
            vm.awaitExit(SOON);
        }
        assertThat(copy.toString(StandardCharsets.UTF_8)).isEqualTo("tiny kernel\n");
    }

    @Test
    void saysWhatWasPrinted_whenAnAwaitedTextDoesNotCome() {
        try (MicroVm vm = TinyKernel.on(folder, "spin").start()) {
            vm.console().awaitText("tiny", SOON);
            assertThatExceptionOfType(AwaitTimeoutException.class)
                    .isThrownBy(() -> vm.console().awaitText("login:", Duration.ofMillis(50)))
                    .withMessageContaining("\"login:\" was not printed")
                    .withMessageContaining("tiny kernel");
        }
    }

    @Test
    void saysThatTheGuestEnded_whenAnAwaitedTextCannotCome() {
        try (MicroVm vm = TinyKernel.on(folder, "exit").start()) {
            assertThatExceptionOfType(MicroVmException.class)
                    .isThrownBy(() -> vm.console().awaitText("login:", SOON))
                    .withMessageContaining("before the guest ended");
        }
    }

    @Test
    void continues_whenItDoesNotEndInTime() {
        try (MicroVm vm = TinyKernel.on(folder, "spin").start()) {
            assertThatExceptionOfType(AwaitTimeoutException.class)
                    .isThrownBy(() -> vm.awaitExit(Duration.ofMillis(20)))
                    .withMessageContaining("did not end within 20 ms")
                    .withMessageContaining(hypervisorRunsKernels() ? "" : "KVM was asked for, although");
            assertThat(vm.state()).isEqualTo(VmState.RUNNING);
        }
    }

    @Test
    void refusesInput_whenTheGuestHasEnded() throws IOException {
        try (MicroVm vm = TinyKernel.on(folder, "exit").start();
                OutputStream input = vm.console().input()) {
            vm.awaitExit(SOON);
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> input.write(1))
                    .withMessage("the guest does not run");
        }
    }

    @Test
    void runsADeviceOfTheUsersOwn() {
        FixedDevice device = new FixedDevice(41);
        try (MicroVm vm = TinyKernel.on(folder, "x")
                .portDevice("answer", 0x600, 4, context -> device)
                .start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.EXIT_PORT);
            assertThat(device.written()).isEqualTo(42);
        }
    }

    @Test
    void startsAgainAsAfterPowerOn_tenTimesInARow() {
        ResetsInTurn device = new ResetsInTurn(10);
        try (MicroVm vm = TinyKernel.on(folder, "restart")
                .onReset(ResetAction.RESTART)
                .portDevice("resets", 0x600, 4, context -> device)
                .start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.EXIT_PORT);
            assertThat(vm.restarts()).isEqualTo(10);
            assertThat(device.leftOvers).hasSize(11).containsOnly(0L);
            assertThat(vm.console().text()).isEqualTo("tiny kernel\n".repeat(11));
        }
    }

    @Test
    void endsAtTheNextReset_whenItHasRestartedAsOftenAsAllowed() {
        try (MicroVm vm = TinyKernel.on(folder, "kbc")
                .onReset(ResetAction.RESTART)
                .restartLimit(3, Duration.ofHours(1))
                .start()) {
            ExitReport report = vm.awaitExit(SOON);

            assertThat(report.reason()).isEqualTo(Reason.RESET);
            assertThat(report.detail())
                    .isEqualTo("keyboard controller; not started again: restartLimit is 3 within 3600000 ms");
            assertThat(vm.restarts()).isEqualTo(3);
        }
    }

    @Test
    void startsAgainAfterAPanic_andReportsNoOldOne() {
        try (MicroVm vm =
                TinyKernel.on(folder, "panic").onReset(ResetAction.RESTART).start()) {
            for (int run = 0; run < 3; run++) vm.console().awaitText("as asked\n", SOON);
            assertThat(vm.restarts()).isGreaterThanOrEqualTo(2);
            assertThat(vm.stop().reason()).isEqualTo(Reason.STOPPED);
        }
    }

    @Test
    void ends_whenADeviceThrowsAnError() {
        BusDevice exhausted = new BusDevice() {
            @Override
            public long read(long offset, int size) {
                return 0;
            }

            @Override
            public void write(long offset, int size, long value) {
                throw new OutOfMemoryError("as asked");
            }
        };
        try (MicroVm vm = TinyKernel.on(folder, "restart")
                .portDevice("exhausted", 0x600, 4, context -> exhausted)
                .start()) {
            ExitReport report = vm.awaitExit(SOON);

            assertThat(report.reason()).isEqualTo(Reason.FAILED);
            assertThat(report.detail()).isEqualTo("OutOfMemoryError: as asked");
            assertThat(vm.state()).isEqualTo(VmState.ENDED);
        }
    }

    /** So does a test framework whose time limit ends a try block that has a machine. */
    @Test
    void freesEverything_whenTheThreadThatClosesItIsInterrupted() throws IOException {
        Path disk = Files.write(folder.resolve("disk.img"), new byte[1 << 20]);
        machineWithThreads("first", disk).close(); // what the JVM keeps of a first machine is there from here on
        ProcessUse before = ProcessUse.now();
        MicroVm vm = machineWithThreads("interrupted", disk);

        Thread.currentThread().interrupt();
        vm.close();

        assertThat(Thread.interrupted()).as("the interrupt is still there").isTrue();
        ProcessUse after = ProcessUse.now();
        assertThat(after.machineThreads()).isEqualTo(before.machineThreads());
        assertThat(after.descriptors()).isEqualTo(before.descriptors());
        assertThat(after.kvmMappings()).isEqualTo(before.kvmMappings());
        vm.close();
        assertThat(vm.state()).isEqualTo(VmState.CLOSED);
    }

    private MicroVm machineWithThreads(String name, Path disk) {
        return TinyKernel.on(folder, "spin")
                .name(name)
                .virtioBlk(DiskImage.raw(disk))
                .virtioNet(UserNetwork.builder().build())
                .serial(OutputStream.nullOutputStream())
                .start();
    }

    @Test
    void canBeClosedWhileItStartsAgain_andFreesEverything() {
        ProcessUse before = ProcessUse.now();
        for (int i = 0; i < 20; i++) {
            try (MicroVm vm = TinyKernel.on(folder, "kbc")
                    .name("again")
                    .onReset(ResetAction.RESTART)
                    .start()) {
                vm.console().awaitText("tiny kernel\n", SOON);
            }
        }
        ProcessUse after = ProcessUse.now();
        assertThat(after.kvmDescriptors()).isEqualTo(before.kvmDescriptors());
        assertThat(after.eventFds()).isEqualTo(before.eventFds());
        assertThat(after.kvmMappings()).isEqualTo(before.kvmMappings());
        assertThat(after.machineThreads()).isEqualTo(before.machineThreads());
    }

    @Test
    void describesWhatItIs() {
        try (MicroVm vm = TinyKernel.on(folder, "exit").name("described").start()) {
            assertThat(vm.describe())
                    .containsPattern("machine +described")
                    .containsPattern("hypervisor +%1$s: %2$s was asked for"
                            .formatted(Lanes.hypervisor(), Lanes.hypervisor().toUpperCase(Locale.ROOT)))
                    .containsPattern("pit +on +\\(AUTO: ")
                    .containsPattern("boot +PVH, loaded ready to run, kernel at \\[0x100000,")
                    .containsPattern("memory +\\[0x100000, 0x1000000\\) RAM")
                    .containsPattern("table +ACPI RSDP at 0xe0000")
                    .containsPattern("table +ACPI FACP at 0xe0")
                    .containsPattern("table +MP table at 0xf0000")
                    .containsPattern("port +\\[0x3f8, 0x400\\) 16550 UART, GSI 4")
                    .containsPattern("mmio +\\[0xfec00000, 0xfec01000\\) IOAPIC\\R");
        }
    }

    @Test
    void refusesToBeClosedByItsOwnDevice() {
        AtomicReference<MicroVm> machine = new AtomicReference<>();
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        try (MicroVm vm = TinyKernel.on(folder, "x")
                .portDevice("suicidal", 0x600, 4, context -> new ClosingDevice(machine, thrown))
                .build()) {
            machine.set(vm);
            vm.start().awaitExit(SOON);
            assertThat(thrown.get())
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("call stop() here, and anything else on a thread of your own");
        }
    }

    @Test
    void runsTwoAtATime_withBothIrqchipsIfThereAreTwo() {
        try (MicroVm split =
                        TinyKernel.on(folder, "exit").irqchip(Irqchip.SPLIT).start();
                MicroVm kernel = TinyKernel.on(folder, "exit")
                        .irqchip(TestMachine.preferredIrqchip())
                        .start()) {
            assertThat(split.awaitExit(SOON).reason()).isEqualTo(Reason.EXIT_PORT);
            assertThat(kernel.awaitExit(SOON).reason()).isEqualTo(Reason.EXIT_PORT);
        }
    }

    @Test
    void freesAMachineThatWasForgotten() throws Exception {
        TinyKernel.on(folder, "spin").name("forgotten").start();
        long deadline = System.nanoTime() + SOON.toNanos();
        while (threadRuns("microvm-forgotten-vcpu-0") && System.nanoTime() < deadline) {
            System.gc();
            Thread.sleep(20);
        }
        assertThat(threadRuns("microvm-forgotten-vcpu-0")).isFalse();
    }

    private static boolean threadRuns(String name) {
        return Thread.getAllStackTraces().keySet().stream()
                .anyMatch(thread -> thread.getName().equals(name));
    }

    /** A device that closes its own machine when the guest reads it. */
    private record ClosingDevice(AtomicReference<MicroVm> machine, AtomicReference<Throwable> thrown)
            implements BusDevice {
        @Override
        public long read(long offset, int size) {
            thrown.set(
                    catchThrowable(() -> Objects.requireNonNull(machine.get()).close()));
            return 0;
        }

        @Override
        public void write(long offset, int size, long value) {}
    }

    /**
     * A device that tells each run how to reset: by a triple fault and by the keyboard controller
     * in turn, a given number of times.
     */
    private static final class ResetsInTurn implements BusDevice {
        private static final int STOP = 2;

        private final List<Long> leftOvers = new CopyOnWriteArrayList<>();
        private final int resets;

        ResetsInTurn(int resets) {
            this.resets = resets;
        }

        @Override
        public long read(long offset, int size) {
            int run = leftOvers.size();
            return run > resets ? STOP : run % 2;
        }

        @Override
        public void write(long offset, int size, long value) {
            leftOvers.add(value);
        }
    }

    private static boolean hypervisorRunsKernels() {
        return TestMachine.onEngine() || Lanes.kvm().probe().runsKernels();
    }
}
