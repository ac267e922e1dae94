package dev.microvm.bus;

import dev.microvm.clock.Timers;
import dev.microvm.irq.IrqLine;
import dev.microvm.memory.GuestMemory;

/** What the machine offers to a device of the user's own while it is put together. */
public interface DeviceContext {
    /** The wire to an interrupt: global system interrupt 0 to 23, where 0 to 15 are the ISA irqs of a PC. */
    IrqLine irqLine(int gsi);

    /** The machine's clock; actions of its timers run on the machine's I/O thread and must not block. */
    Timers timers();

    /** The guest's memory, for devices that read and write it themselves. */
    GuestMemory memory();
}
