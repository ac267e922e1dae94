package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.Uart16550Registers.*;

import dev.microvm.state.DeviceState;

/**
 * The modem lines of a 16550 and their changes: its MSR. Guarded by the lock of its
 * {@link Uart16550}.
 */
final class UartModemLines {
    private static final int READY_PEER = MSR_CTS | MSR_DSR | MSR_DCD;

    private int inputs = READY_PEER; // high half of MSR, as the peer drives it
    private int msr = READY_PEER;

    /** Sets the lines that the peer drives. They take effect at the next {@link #follow}. */
    void drive(boolean cts, boolean dsr, boolean ri, boolean dcd) {
        inputs = (cts ? MSR_CTS : 0) | (dsr ? MSR_DSR : 0) | (ri ? MSR_RI : 0) | (dcd ? MSR_DCD : 0);
    }

    /** Copies the lines into MSR: those of the peer, or the UART's own outputs in loopback. */
    void follow(int mcr) {
        int lines = (mcr & MCR_LOOP) != 0 ? loopedBack(mcr) : inputs;
        int changed = lines ^ msr;
        int deltas = msr & MSR_DELTAS;
        if ((changed & MSR_CTS) != 0) deltas |= MSR_DCTS;
        if ((changed & MSR_DSR) != 0) deltas |= MSR_DDSR;
        if ((changed & MSR_RI & msr) != 0) deltas |= MSR_TERI;
        if ((changed & MSR_DCD) != 0) deltas |= MSR_DDCD;
        msr = lines | deltas;
    }

    private static int loopedBack(int mcr) {
        return ((mcr & MCR_RTS) != 0 ? MSR_CTS : 0)
                | ((mcr & MCR_DTR) != 0 ? MSR_DSR : 0)
                | ((mcr & MCR_OUT1) != 0 ? MSR_RI : 0)
                | ((mcr & MCR_OUT2) != 0 ? MSR_DCD : 0);
    }

    boolean changed() {
        return (msr & MSR_DELTAS) != 0;
    }

    /** Reads MSR, which clears its deltas. */
    int read() {
        int status = msr;
        msr &= ~MSR_DELTAS;
        return status;
    }

    void reset() {
        msr = inputs;
    }

    void save(DeviceState to) {
        to.put("msr", msr).put("modemInputs", inputs);
    }

    void restore(DeviceState from) {
        msr = from.integer("msr") & 0xff;
        inputs = from.integer("modemInputs") & MSR_LINES;
    }
}
