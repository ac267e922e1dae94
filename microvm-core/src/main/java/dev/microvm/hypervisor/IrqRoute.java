package dev.microvm.hypervisor;

import java.util.Objects;

/**
 * The destination of one global system interrupt (GSI): a pin of an interrupt controller or a
 * message.
 */
public sealed interface IrqRoute {
    /** Returns the GSI, as passed to {@link VirtualMachine#irqLine}. */
    int gsi();

    /** An interrupt controller of {@link InterruptMode#KERNEL}. */
    enum Chip {
        /** First 8259, pins 0 to 7. */
        PIC_MASTER,
        /** Second 8259, pins 0 to 7. */
        PIC_SLAVE,
        /** IOAPIC, pins 0 to 23. */
        IOAPIC
    }

    /**
     * Routes to a pin of an interrupt controller of the hypervisor.
     *
     * @param gsi number of the route
     * @param chip interrupt controller
     * @param pin input of the controller, from 0
     */
    record Pin(int gsi, Chip chip, int pin) implements IrqRoute {
        /** Checks that no component is null. */
        public Pin {
            Objects.requireNonNull(chip, "chip");
        }
    }

    /**
     * Routes to a message-signalled interrupt: Intel SDM vol. 3A, 11.11.
     *
     * @param gsi number of the route
     * @param address message address, 0xfeexxxxx
     * @param data message data
     */
    record Msi(int gsi, long address, int data) implements IrqRoute {}
}
