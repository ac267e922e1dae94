package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.devices.irqchip.IoApic;
import dev.microvm.devices.power.GenericEventDevice;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** The VM generation ID of a machine that continues, and what its guest is told of it. */
final class GenerationIdTest {
    private static final int GSI = PcPart.GENERIC_EVENTS.gsi();
    private static final int VECTOR = 0x49;
    private static final int IOREGSEL = 0x00;
    private static final int IOWIN = 0x10;
    private static final int IOREDTBL = 0x10;

    private final List<Object> messages = new ArrayList<>(); // data of what the IOAPICs sent
    private final SplitInterrupts interrupts =
            new SplitInterrupts(machine(), /* hasPic= */ true, /* hasSecondIoApic= */ false);
    private final GenericEventDevice events = new GenericEventDevice(interrupts.line(GSI), () -> {}, () -> {});
    private final GuestMemoryRegion page = new GuestMemoryRegion(0x1000, MemorySegment.ofArray(new long[512]), true);
    private final GenerationId id = new GenerationId(page, /* repeatable= */ false, events::reportGeneration);

    private byte[] inMemory() {
        return page.segment().asSlice(0, 16).toArray(ValueLayout.JAVA_BYTE);
    }

    private static DeviceState saved() {
        return new GenerationId(
                        new GuestMemoryRegion(0x1000, MemorySegment.ofArray(new long[512]), true), false, () -> {})
                .save();
    }

    private boolean picInterrupts() {
        return Objects.requireNonNull(interrupts.externalInterrupts(), "PIC").pending();
    }

    /** Its driver reads the ID when it is bound, and finds the event as one of an ID that it knows. */
    @Test
    void isNewWithoutAnInterrupt_whenTheGuestHasNoDriverYet() {
        byte[] own = inMemory();
        DeviceState saved = saved();

        id.restore(saved);
        program(VECTOR); // the driver comes
        initializePic();

        assertThat(inMemory()).isNotEqualTo(saved.bytes("id")).isNotEqualTo(own).isNotEqualTo(new byte[16]);
        assertThat(messages).isEmpty();
        assertThat(picInterrupts()).isFalse();
        assertThat(events.read(GenericEventDevice.EVENT_SELECT, 4)).isEqualTo(GenericEventDevice.GENERATION_CHANGED);
    }

    @Test
    void interruptsOnce_whenTheGuestHasADriver() {
        program(VECTOR);

        id.restore(saved());

        assertThat(messages).containsExactly(VECTOR);
        assertThat(events.read(GenericEventDevice.EVENT_SELECT, 4)).isEqualTo(GenericEventDevice.GENERATION_CHANGED);
        assertThat(events.read(GenericEventDevice.EVENT_SELECT, 4)).isZero();
    }

    /** Redirection table entry: 82093AA data sheet, 3.2.4. */
    private void program(int low) {
        IoApic ioApic = interrupts.ioApics().getFirst();
        ioApic.write(IOREGSEL, 4, IOREDTBL + 2 * GSI);
        ioApic.write(IOWIN, 4, low);
    }

    /** As Linux does, with all inputs open after it. */
    private void initializePic() {
        Part pic = interrupts.parts().getLast();
        for (int chip = 0; chip < 2; chip++) {
            pic.devices().get(chip).write(0, 1, 0x11); // ICW1: ICW4 comes
            pic.devices().get(chip).write(1, 1, 0x30 + 8L * chip);
            pic.devices().get(chip).write(1, 1, chip == 0 ? 1 << 2 : 2); // ICW3
            pic.devices().get(chip).write(1, 1, 1); // ICW4: 8086
            pic.devices().get(chip).write(1, 1, 0); // OCW1
        }
    }

    /** A machine that records messages, and ignores everything else. */
    private VirtualMachine machine() {
        return (VirtualMachine) Proxy.newProxyInstance(
                VirtualMachine.class.getClassLoader(),
                new Class<?>[] {VirtualMachine.class},
                (self, method, arguments) -> {
                    if (method.getName().equals("signalMsi")) messages.add(arguments[1]);
                    return null;
                });
    }
}
