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
import java.util.Objects;
import java.util.SequencedMap;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

    private static void change(Map<String, DeviceState> states, String part, String field, long value) {
        byte[] intact = Objects.requireNonNull(states.get(part), part).encode();
        states.put(part, DeviceState.decode(intact).put(field, value));
    }

    /** A state comes from a file, which may be anything: the device refuses it, and says so. */
    @ParameterizedTest
    @CsvSource({
        "rtc, seenSeconds, -9223372036854775808",
        "rtc, offsetSeconds, 9223372036854775807",
        "rtc, offsetSeconds, -4000000000000",
        "rtc, index, 4294967296",
        "com1, ier, 1099511627776"
    })
    void areRefusedByName_whenAValueIsImpossible(String part, String field, long value) throws Exception {
        MachinePlan plan = plan(Irqchip.SPLIT);
        ConsoleBuffer console = new ConsoleBuffer();
        try (Machine machine =
                new PcMachine(plan, console, new GuestEnd("m", console, (reason, code, detail) -> {}), () -> false)) {
            machine.pause();
            Map<String, DeviceState> states = new LinkedHashMap<>(machine.save());
            change(states, part, field, value);

            assertThatIllegalArgumentException()
                    .isThrownBy(() -> machine.restore(states))
                    .withMessageContaining("the state of %s is refused".formatted(part));
        }
    }

    /** Queues where there is no memory, of impossible sizes, with indices that cannot be. */
    @ParameterizedTest
    @CsvSource({
        "queue0Descriptors, -4096",
        "queue0Available, 9223372036854775807",
        "queue0Size, 3",
        "queue0Size, -2147483648",
        "deviceId, 77",
        "status, 4294967297"
    })
    void areRefusedByName_whenAVirtioDeviceCannotHaveThem(String field, long value) throws Exception {
        MachinePlan plan = plan(Irqchip.SPLIT);
        SequencedMap<String, DeviceState> states;
        try (SavedMachine machine = SavedMachine.started(plan)) {
            machine.awaitText("status 0f");
            states = new LinkedHashMap<>(machine.pauseAndSave());
        }
        String part = states.entrySet().stream()
                .filter(each -> each.getValue().numbers().getOrDefault("deviceId", 0L) == 4) // entropy: VIRTIO 1.2, 5
                .findFirst()
                .orElseThrow()
                .getKey();
        change(states, part, field, value);
        ConsoleBuffer console = new ConsoleBuffer();
        try (Machine other =
                new PcMachine(plan, console, new GuestEnd("m", console, (reason, code, detail) -> {}), () -> false)) {
            other.pause();

            assertThatIllegalArgumentException()
                    .isThrownBy(() -> other.restore(states))
                    .withMessageContaining("the state of %s is refused".formatted(part));
        }
    }
}
