package dev.microvm.devices.virtio;

import dev.microvm.irq.IrqLine;

/**
 * InterruptStatus and InterruptACK of a device, and its line. Any thread may call; it never waits
 * for the device.
 */
final class InterruptStatus {
    private final IrqLine line;
    private volatile int bits; // changed under this

    InterruptStatus(IrqLine line) {
        this.line = line;
    }

    int value() {
        return bits;
    }

    /**
     * Raises the line for a reason; if it is high already, lowers it first, because an edge may
     * have been lost.
     */
    synchronized void raise(int reason) {
        if (bits != 0) line.set(false);
        bits |= reason;
        line.set(true);
    }

    /** The driver has seen reasons. For one that it has not, there is a new edge. */
    synchronized void acknowledge(int reasons) {
        if (bits == 0) return;
        bits &= ~reasons;
        line.set(false);
        if (bits != 0) line.set(true);
    }

    /** Puts reasons back and leaves the line as it is. */
    synchronized void restore(int reasons) {
        bits = reasons & (VirtioMmioRegisters.USED_BUFFER | VirtioMmioRegisters.CONFIGURATION_CHANGE);
    }
}
