package dev.microvm.devices.irqchip;

/**
 * Where an {@link IoApic} sends its interrupts: as messages, in the form of Intel SDM vol. 3A, 11.11, "Message signalled
 * interrupts". Any thread may call; calls must not block, nor call back into the device.
 */
@FunctionalInterface
public interface MsiSink {
    /**
     * Delivers a message now.
     *
     * @param address 0xfee00000 to 0xfeefffff: destination and its mode
     * @param data vector, delivery mode, trigger mode
     */
    void signal(long address, int data);

    /**
     * Delivers the message of an edge on a pin that is not masked; {@link #route} has told of it before. Does as
     * {@link #signal} by default.
     *
     * @param pin of the IOAPIC, from 0
     * @param address as in {@link #signal}
     * @param data as in {@link #signal}
     */
    default void edge(int pin, long address, int data) {
        signal(address, data);
    }

    /**
     * Hears what a pin will send from now on, whenever the guest changes it: for a hypervisor that keeps routes of its own,
     * to take interrupts by eventfd or to report the end of level-triggered ones. Does nothing by default.
     *
     * @param pin of the IOAPIC, from 0
     * @param masked whether it sends nothing
     * @param address as in {@link #signal}
     * @param data as in {@link #signal}
     */
    default void route(int pin, boolean masked, long address, int data) {}
}
