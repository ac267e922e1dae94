package dev.microvm.devices.irqchip;

/**
 * Receives the interrupts of an {@link IoApic} as messages: Intel SDM vol. 3A, 11.11, "Message
 * signalled interrupts". Any thread may call. Calls must not block and must not call back into the
 * device.
 */
@FunctionalInterface
public interface MsiSink {
    /**
     * Delivers a message now.
     *
     * @param address message address, 0xfee00000 to 0xfeefffff: destination and its mode
     * @param data message data: vector, delivery mode, trigger mode
     */
    void signal(long address, int data);

    /**
     * Delivers the message of an edge on an unmasked pin. {@link #route} was called with the same
     * message before. Calls {@link #signal} by default.
     *
     * @param pin number of the pin, from 0
     * @param address as in {@link #signal}
     * @param data as in {@link #signal}
     */
    default void edge(int pin, long address, int data) {
        signal(address, data);
    }

    /**
     * Reports the message that a pin will send from now on, each time the guest changes it. It is
     * for hypervisors that keep routes themselves, to take interrupts by eventfd or to report the
     * end of level-triggered interrupts. Does nothing by default.
     *
     * @param pin number of the pin, from 0
     * @param masked whether the pin sends nothing
     * @param address as in {@link #signal}
     * @param data as in {@link #signal}
     */
    default void route(int pin, boolean masked, long address, int data) {}
}
