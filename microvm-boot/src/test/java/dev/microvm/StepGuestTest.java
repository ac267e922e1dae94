package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.boot.testing.SpinningGuest;
import dev.microvm.hypervisor.Registers;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.testing.Lanes;
import dev.microvm.vcpu.StepEnd;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Single steps of a paused guest, and the trace of its exits. */
@Lanes.TinyGuests
@Timeout(120)
final class StepGuestTest {
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final int FREE_PORT = 0xe5; // no device

    @TempDir
    private Path folder;

    @Test
    void stepsOneInstructionOfOneVcpu_whileAllElseStands() {
        byte[] counter = {(byte) 0x83, (byte) 0xc0, 0x01, (byte) 0xeb, (byte) 0xfb}; // 0: add eax, 1; jmp 0b
        try (MicroVm vm = SpinningGuest.in(folder).vcpus(2).start()) {
            PausedMachine paused = SpinningGuest.pausedAt(vm, counter);
            Registers other = paused.registers(1);

            for (int i = 0; i < 200; i++) assertThat(paused.step(0)).isEqualTo(StepEnd.STEPPED);

            assertThat(paused.registers(0).rax()).isEqualTo(100);
            assertThat(paused.registers(0).rip()).isEqualTo(SpinningGuest.CODE);
            assertThat(paused.step(1)).isEqualTo(StepEnd.WAITING); // for the start-up IPI
            assertThat(paused.registers(1)).isEqualTo(other);
            vm.resume();
            assertThatIllegalStateException().isThrownBy(() -> paused.step(0));
            while (vm.pause().registers(0).rax() == 100) vm.resume(); // until it has run freely
        }
    }

    @Test
    void stepsIntoADevice_andTracesTheExit() {
        byte[] jump = {(byte) 0xeb, (byte) 0xfe}; // jmp to itself
        byte[] code = {(byte) 0xb0, 0x2a, (byte) 0xe6, (byte) FREE_PORT, jump[0], jump[1]
        }; // mov al, 0x2a; out FREE_PORT, al
        List<String> exits = new CopyOnWriteArrayList<>();
        try (MicroVm vm = SpinningGuest.in(folder)
                .exitTrace((vcpu, access, address, size, value) -> {
                    if (address == FREE_PORT) exits.add("%d %s %d %x".formatted(vcpu, access, size, value));
                })
                .start()) {
            PausedMachine paused = SpinningGuest.pausedAt(vm, code);

            assertThat(List.of(paused.step(0), paused.step(0))).containsOnly(StepEnd.STEPPED);

            assertThat(paused.registers(0).rip()).isEqualTo(SpinningGuest.CODE + code.length - jump.length);
            assertThat(exits).containsExactly("0 PORT_WRITE 1 2a");
        }
    }

    @Test
    void endsTheGuest_whenAStepIsATripleFault() {
        byte[] code = {0x0f, 0x01, 0x18, 0x0f, 0x0b}; // lidt [eax], from zeroes; ud2
        try (MicroVm vm = SpinningGuest.in(folder).start()) {
            PausedMachine paused = SpinningGuest.pausedAt(vm, code);
            paused.registers(0, paused.registers(0).withRax(SpinningGuest.ZEROES));

            assertThat(paused.step(0)).isEqualTo(StepEnd.STEPPED);
            assertThat(paused.step(0)).isEqualTo(StepEnd.SHUTDOWN);
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.TRIPLE_FAULT);
        }
    }
}
