package dev.microvm.irq;

/**
 * Offers external interrupts to a CPU, as an 8259 pair does over its INTR and INTA pins. Called on
 * the CPU's thread.
 */
public interface InterruptController {
    /** Returns whether an interrupt is pending: INTR is high. */
    boolean pending();

    /** Acknowledges the pending interrupt (one INTA cycle) and returns its vector, 0 to 255. */
    int acknowledge();
}
