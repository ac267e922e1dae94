package dev.microvm.machine;

import dev.microvm.irq.InterruptController;
import dev.microvm.irq.IrqLine;
import dev.microvm.vcpu.VcpuLoop;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The machine's interrupt wiring, wherever its controllers are. */
interface Interrupts {
    /** The controllers that are devices of the machine. */
    List<Part> parts();

    /** The wire to a global system interrupt, 0 to 23, or to 47 with a second IOAPIC; 0 to 15 are the ISA irqs. */
    IrqLine line(int gsi);

    /** The same for a device whose interrupt is edge-triggered and frequent: an edge takes the cheapest way there is. */
    IrqLine edgeLine(int gsi);

    /** What offers external interrupts to the first vCPU from user space; null if nothing does. */
    @Nullable
    InterruptController externalInterrupts();

    /** The first vCPU is there: from now on it hears of external interrupts. */
    void connect(VcpuLoop firstVcpu);
}
