package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.PlannedMachine;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.boot.testing.FixedDevice;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.clock.ClockOnResume;
import dev.microvm.console.ConsoleBuffer;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.Irqchip;
import dev.microvm.state.DeviceState;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The states of a machine's devices, taken out of one machine and put into another. */
@Lanes.TinyGuests
@Timeout(120)
final class MachineStateGuestTest {
    @TempDir
    private Path folder;

    private MachinePlan plan(Irqchip irqchip) throws IOException {
        Path disk = Files.write(folder.resolve("disk"), new byte[1 << 20]);
        TestMachine.builder(irqchip); // skips what the hypervisor does not have
        return PlannedMachine.of(TinyKernel.of("virtio", folder, "endless")
                        .irqchip(irqchip)
                        .virtioRng(new SplittableRandom(1))
                        .virtioBlk(DiskImage.raw(disk).overlay())
                        .virtioConsole("agent")
                        .virtioBalloon()
                        .virtioVsock(3)
                        .portDevice("mine", 0x1000, 1, context -> new FixedDevice(0)))
                .plan();
    }

    @Test
    void areTheSameInAnotherMachine() throws Exception {
        MachinePlan plan = plan(Irqchip.SPLIT);
        SequencedMap<String, DeviceState> states;
        try (SavedMachine machine = SavedMachine.started(plan)) {
            machine.awaitText("status 0f");
            states = machine.pauseAndSave();

            assertThat(states.keySet()).containsExactlyInAnyOrderElementsOf(SavedMachine.deviceNames(plan));
        }
        SavedMachine.assertTakesOver(plan, states);
    }

    @Test
    void cannotBeSaved_whenTheInterruptControllersAreTheHypervisors() throws Exception {
        try (SavedMachine machine = SavedMachine.started(plan(Irqchip.KERNEL))) {
            assertThatExceptionOfType(MicroVmException.class)
                    .isThrownBy(machine::pauseAndSave)
                    .withMessageContaining("use irqchip(SPLIT)");
        }
    }

    @Test
    void cannotBeSavedOrRestored_whileTheMachineRuns() throws Exception {
        MachinePlan plan = plan(Irqchip.SPLIT);
        ConsoleBuffer console = new ConsoleBuffer();
        try (Machine machine =
                new PcMachine(plan, console, new GuestEnd("m", console, (reason, code, detail) -> {}), () -> false)) {
            assertThatIllegalStateException().isThrownBy(machine::save).withMessageContaining("is not paused");
            assertThatIllegalStateException().isThrownBy(() -> machine.restore(Map.of()));
            machine.pause();
            machine.resume(ClockOnResume.CONTINUE);
            assertThatIllegalStateException().isThrownBy(machine::save);
        }
    }

    @Test
    void areRefused_whenTheyAreOfOtherDevices() throws Exception {
        MachinePlan plan = plan(Irqchip.SPLIT);
        ConsoleBuffer console = new ConsoleBuffer();
        try (Machine machine =
                new PcMachine(plan, console, new GuestEnd("m", console, (reason, code, detail) -> {}), () -> false)) {
            machine.pause();
            Map<String, DeviceState> states = new LinkedHashMap<>(machine.save());
            DeviceState rtc = states.remove("rtc");

            assertThatIllegalArgumentException().isThrownBy(() -> machine.restore(states));
            states.put("clock", rtc);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> machine.restore(states))
                    .withMessageContaining("clock");
        }
    }
}
