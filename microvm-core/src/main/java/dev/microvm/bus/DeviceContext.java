package dev.microvm.bus;

import dev.microvm.clock.Timers;
import dev.microvm.irq.IrqLine;
import dev.microvm.memory.GuestMemory;

/**
 * Gives a user-defined device access to its machine. Passed to {@link DeviceFactory#create} at each
 * start of the machine.
 */
public interface DeviceContext {
    /**
     * Returns the line of a global system interrupt, 0 to 23; 0 to 15 are the ISA interrupts of a
     * PC. A machine with more than 8 virtio devices has 0 to 47.
     *
     * @throws IllegalArgumentException if there is no such interrupt
     */
    IrqLine irqLine(int gsi);

    /**
     * Returns the machine's clock and timers. Timer actions run on the machine's I/O thread and
     * must not block.
     */
    Timers timers();

    /** Returns guest memory, for devices that access it directly (DMA). */
    GuestMemory memory();
}
