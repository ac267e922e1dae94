package dev.microvm.machine;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.console.ConsoleBuffer;
import dev.microvm.console.ConsoleInput;
import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.machine.PartPlan.Owner;
import dev.microvm.state.DeviceState;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Stream;

/**
 * A machine whose guest is stopped in the middle of its work, to see whether another can have its
 * devices' states.
 */
final class SavedMachine implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private final ConsoleBuffer console = new ConsoleBuffer();
    private final ConsoleInput input = new ConsoleInput(null);
    private final Machine machine;

    private SavedMachine(MachinePlan plan) {
        machine = new PcMachine(
                plan, console, new GuestEnd(plan.name(), console, (reason, code, detail) -> {}), () -> false);
        console.onRoom(machine::outputReady);
        machine.connect(input);
    }

    /** A machine whose guest runs. */
    static SavedMachine started(MachinePlan plan) {
        plan.hostEnds().forEach(HostEnd::open);
        SavedMachine made = new SavedMachine(plan);
        made.machine.start();
        return made;
    }

    void awaitText(String text) throws InterruptedException {
        long found = console.await(text, 0, System.nanoTime() + PATIENCE.toNanos());
        assertThat(found).as(console.text()).isNotNegative();
    }

    /** Has the guest run a line, and waits until it says so. */
    void run(String line) throws IOException, InterruptedException {
        long before = console.position();
        byte[] typed = (line + "\n").getBytes(US_ASCII);
        input.write(typed, 0, typed.length);
        assertThat(console.await("=0=", before, System.nanoTime() + PATIENCE.toNanos()))
                .as(console.text())
                .isNotNegative();
    }

    SequencedMap<String, DeviceState> pauseAndSave() {
        machine.pause();
        return machine.save();
    }

    void resume() {
        machine.resume(ClockOnResume.CONTINUE);
    }

    /**
     * Puts states into a new machine's devices, and compares what they are then: the same, but for an
     * ID of its own, the event that tells of it, and the interrupt of that event.
     */
    static void assertTakesOver(MachinePlan plan, SequencedMap<String, DeviceState> states) {
        try (SavedMachine other = new SavedMachine(plan)) {
            other.machine.pause();
            other.machine.restore(states);

            SequencedMap<String, DeviceState> taken = other.machine.save();
            assertThat(taken.keySet()).containsExactlyElementsOf(states.keySet());
            assertThat(taken.get(GenerationId.PART)).isNotEqualTo(states.get(GenerationId.PART));
            assertThat(withoutNews(taken)).containsExactlyEntriesOf(withoutNews(states));
        }
    }

    private static SequencedMap<String, DeviceState> withoutNews(SequencedMap<String, DeviceState> states) {
        SequencedMap<String, DeviceState> rest = new LinkedHashMap<>(states);
        List.of(PcPart.GENERIC_EVENTS.plan().name(), PcPart.PIC.plan().name(), GenerationId.PART)
                .forEach(rest::remove);
        return rest;
    }

    /** The names of all devices that such a machine makes. */
    static List<String> deviceNames(MachinePlan plan) {
        PcPart.Setting setting = new PcPart.Setting(
                plan.options(), PcLayout.needsSecondIoApic(plan.virtio().size()));
        return Stream.concat(
                        Stream.of(PcPart.values())
                                .filter(part -> part != PcPart.DEBUG_CONSOLE) // firmware's
                                .map(part -> part.plan(setting)),
                        plan.virtio().stream().map(VirtioSlot::part))
                // the hypervisor has the page of the generation ID, and the machine its content
                .filter(part -> part.owner() == Owner.MACHINE || part.name().equals(GenerationId.PART))
                .map(PartPlan::name)
                .toList();
    }

    @Override
    public void close() {
        machine.close();
    }
}
