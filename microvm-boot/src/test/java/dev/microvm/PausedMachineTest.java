package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.memory.GuestMemoryException;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A tiny guest, looked into while it is paused. */
@Lanes.TinyGuests
@Timeout(120)
final class PausedMachineTest {
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final long MIB = 1 << 20;
    private static final long UNUSED = 8 * MIB; // the guest does nothing there
    private static final int VCPUS = 2;

    @TempDir
    private Path folder;

    private MicroVm running() {
        MicroVm vm = TinyKernel.of("virtio", folder, "endless")
                .virtioRng(new SplittableRandom(1))
                .vcpus(VCPUS)
                .start();
        vm.console().awaitText(".", SOON);
        return vm;
    }

    @Test
    void showsRegistersOfEachVcpu_andMemoryBehindThem() {
        try (MicroVm vm = running()) {
            PausedMachine paused = vm.pause();

            Registers registers = paused.registers(0);
            long at = paused.translate(0, registers.rip());
            assertThat(at).isBetween(0L, paused.memorySize() - 1).isNotEqualTo(Vcpu.NOT_MAPPED);
            assertThat(paused.read(at, 16)).hasSize(16).isNotEqualTo(new byte[16]);
            assertThat(paused.registers(0)).isEqualTo(registers); // it stands
            assertThat(paused.specialRegisters(0).cr0() & 1).isEqualTo(1); // in protected mode
            assertThat(paused.specialRegisters(1).cs()).isNotNull();
        }
    }

    @Test
    void changesRegistersAndMemory_andTheGuestContinues() {
        try (MicroVm vm = running()) {
            PausedMachine paused = vm.pause();
            paused.write(UNUSED, new byte[] {1, 2, 3});
            Registers before = paused.registers(1);
            paused.registers(1, before.withRbp(42));
            assertThat(paused.read(UNUSED, 4)).containsExactly(1, 2, 3, 0);
            assertThat(paused.registers(1).rbp()).isEqualTo(42);
            vm.resume();
            vm.console().type("x");

            assertThat(vm.awaitExit(SOON).exitCode()).hasValue(0);
        }
    }

    @Test
    void isOver_whenTheGuestResumes_orIsPausedAgain_orEnds() {
        MicroVm vm = running();
        try (vm) {
            PausedMachine first = vm.pause();
            vm.resume();
            assertThatIllegalStateException()
                    .isThrownBy(() -> first.registers(0))
                    .withMessageContaining("not paused");
            PausedMachine second = vm.pause();
            assertThatIllegalStateException().isThrownBy(first::memorySize);
            assertThat(second.memorySize()).isPositive();
            assertThat(vm.pause().registers(0)).isEqualTo(second.registers(0));
            vm.stop();
            assertThatIllegalStateException().isThrownBy(second::memorySize).withMessageContaining("ended");
        }
    }

    @Test
    void refusesWhatIsNotThere() {
        try (MicroVm vm = running()) {
            PausedMachine paused = vm.pause();
            assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> paused.registers(VCPUS));
            assertThatExceptionOfType(GuestMemoryException.class)
                    .isThrownBy(() -> paused.read(paused.memorySize() - 1, 2));
            assertThatExceptionOfType(GuestMemoryException.class)
                    .isThrownBy(() -> paused.write(paused.memorySize(), new byte[1]));
        }
    }
}
