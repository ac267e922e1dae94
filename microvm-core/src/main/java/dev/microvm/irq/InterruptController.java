package dev.microvm.irq;

/**
 * What offers external interrupts to a CPU: the INTR and INTA wires of an 8259 pair. Called on the CPU's thread.
 */
public interface InterruptController {
    /** Whether there is an interrupt to take: INTR is high. */
    boolean pending();

    /** Takes the interrupt: an INTA cycle. Returns its vector, 0 to 255. */
    int acknowledge();
}
