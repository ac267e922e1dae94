package dev.microvm.hypervisor;

/** Where one global system interrupt (GSI) leads: to a pin of an interrupt controller or to a message. */
public sealed interface IrqRoute {
    /** The number by which {@link VirtualMachine#irqLine} knows the route. */
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
     * To a pin of an interrupt controller that the hypervisor has.
     *
     * @param gsi number of the route
     * @param chip the controller
     * @param pin its input
     */
    record Pin(int gsi, Chip chip, int pin) implements IrqRoute {}

    /**
     * To a message-signalled interrupt: Intel SDM vol. 3A, 11.11.
     *
     * @param gsi number of the route
     * @param address message address, 0xfeexxxxx
     * @param data message data
     */
    record Msi(int gsi, long address, int data) implements IrqRoute {}
}
