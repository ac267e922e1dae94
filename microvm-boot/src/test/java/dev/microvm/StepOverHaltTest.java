package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.SpinningGuest;
import dev.microvm.testing.Lanes;
import dev.microvm.vcpu.StepEnd;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A step over HLT. Not on kvm-pvm, which forgets the halt of an instruction that it steps over. */
@Lanes.Kernels
@Timeout(120)
final class StepOverHaltTest {
    @TempDir
    private Path folder;

    @Test
    void saysThatItHalted_thenThatNothingCanRun() {
        byte[] code = {(byte) 0x90, (byte) 0xf4, (byte) 0x90}; // nop; hlt; nop
        try (MicroVm vm = SpinningGuest.in(folder).start()) {
            PausedMachine paused = SpinningGuest.pausedAt(vm, code);

            assertThat(List.of(paused.step(0), paused.step(0), paused.step(0), paused.step(0)))
                    .containsExactly(StepEnd.STEPPED, StepEnd.HALTED, StepEnd.WAITING, StepEnd.WAITING);
            assertThat(paused.registers(0).rip()).isEqualTo(SpinningGuest.CODE + 2);
        }
    }
}
