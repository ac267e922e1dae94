package dev.microvm.machine;

import dev.microvm.irq.InterruptController;
import dev.microvm.irq.IrqLine;
import dev.microvm.vcpu.VcpuLoop;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The machine's interrupt wiring, with its controllers in the hypervisor or in the machine. */
interface Interrupts {
    /** Returns the controllers that are devices of the machine. */
    List<Part> parts();

    /**
     * Returns the wire to a global system interrupt, 0 to 23, or 0 to 47 with a second IOAPIC; 0 to
     * 15 are the ISA interrupts.
     */
    IrqLine line(int gsi);

    /**
     * Returns the same for a frequent edge-triggered interrupt, which takes the cheapest way to the
     * vCPU.
     */
    IrqLine edgeLine(int gsi);

    /**
     * Returns what offers external interrupts to the first vCPU from user space; null if nothing
     * does.
     */
    @Nullable
    InterruptController externalInterrupts();

    /** Connects the first vCPU, which from now on receives external interrupts. */
    void connect(VcpuLoop firstVcpu);
}
