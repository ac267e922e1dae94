package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.devices.irqchip.IoApic;
import dev.microvm.hypervisor.IrqRoute;
import dev.microvm.hypervisor.VirtualMachine;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The hypervisor's routes while the guest programs the IOAPIC. */
final class SplitInterruptsTest {
    private static final int PIN = 4;
    private static final int VECTOR = 0x44;
    private static final int LEVEL = 1 << 15; // redirection table entry: 82093AA data sheet, 3.2.4
    private static final int MASKED = 1 << 16;
    private static final int IOREGSEL = 0x00;
    private static final int IOWIN = 0x10;
    private static final int IOREDTBL = 0x10;

    /** The lists of routes that the hypervisor received. */
    private final List<List<?>> given = new ArrayList<>();

    /** The number of messages that it sent. */
    private int messages;

    private final SplitInterrupts interrupts =
            new SplitInterrupts(machine(), /* hasPic= */ false, /* hasSecondIoApic= */ true);

    @Test
    void hasRouteOfEdgeTriggeredPin_whileItIsNotMasked() {
        program(VECTOR);
        List<?> open = given.getLast();
        program(VECTOR | MASKED);

        assertThat(open).isEqualTo(List.of(new IrqRoute.Msi(PIN, 0xfee0_0000L, VECTOR)));
        assertThat(given.getLast()).isEmpty();
    }

    @Test
    void keepsRouteOfLevelTriggeredPin_whenItIsMaskedInService() {
        program(VECTOR | LEVEL);
        interrupts.line(PIN).set(true);
        program(VECTOR | LEVEL | MASKED);
        program(VECTOR | LEVEL);

        assertThat(given).as("told once").hasSize(1);
        assertThat(given.getLast()).hasSize(1);
    }

    @Test
    void changesRoute_whenPinGetsAnotherVector() {
        program(VECTOR | LEVEL);
        program(VECTOR | LEVEL | MASKED);
        program((VECTOR + 1) | LEVEL);

        assertThat(given).hasSize(2);
        assertThat(given.getLast()).hasSize(1);
    }

    @Test
    void hasTheSecondIoApicsRoutesBesideTheFirsts() {
        program(VECTOR);
        program(interrupts.ioApics().getLast(), VECTOR + 1);

        assertThat(given.getLast())
                .isEqualTo(List.of(
                        new IrqRoute.Msi(PIN, 0xfee0_0000L, VECTOR),
                        new IrqRoute.Msi(PcLayout.SECOND_IOAPIC_GSI + PIN, 0xfee0_0000L, VECTOR + 1)));
    }

    @Test
    void sendsALevelOfTheSecondIoApicAgain_whenItsInterruptIsEnded() {
        program(interrupts.ioApics().getLast(), VECTOR | LEVEL);
        interrupts.line(PcLayout.SECOND_IOAPIC_GSI + PIN).set(true);
        interrupts.endOfInterrupt(VECTOR);

        assertThat(messages).isEqualTo(2);
    }

    private void program(int low) {
        program(interrupts.ioApics().getFirst(), low);
    }

    private static void program(IoApic ioApic, int low) {
        ioApic.write(IOREGSEL, 4, IOREDTBL + 2 * PIN);
        ioApic.write(IOWIN, 4, low);
    }

    /** A machine that records routes and messages, and ignores everything else. */
    private VirtualMachine machine() {
        return (VirtualMachine) Proxy.newProxyInstance(
                VirtualMachine.class.getClassLoader(),
                new Class<?>[] {VirtualMachine.class},
                (self, method, arguments) -> {
                    if (method.getName().equals("routes")) given.add((List<?>) arguments[0]);
                    if (method.getName().equals("signalMsi")) messages++;
                    return null;
                });
    }
}
