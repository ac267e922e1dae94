package dev.microvm.devices.legacy;

import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;

/**
 * System control port A, one byte at 0x92 of a PC: fast reset and the fast A20 gate. Any thread may call.
 *
 * <p>A20 is always open; its bit reads back. Source: IBM PS/2 Hardware Interface Technical Reference, "System Control Port
 * A".
 */
public final class SystemControlPortA implements ByteDevice, Stateful {
    private static final String STATE_TYPE = "system-control-port-a";
    private static final int STATE_VERSION = 1;
    private static final int CONTROL = 0; // offset, read/write
    private static final int OPEN_BUS = 0xff;
    private static final int FAST_RESET = 1 << 0; // going high resets the CPU
    private static final int FAST_A20 = 1 << 1;
    private static final int WRITABLE = FAST_RESET | FAST_A20;

    private final Runnable resetRequest;
    private int control = FAST_A20;

    /**
     * Makes a port.
     *
     * @param resetRequest the reset line; called without a lock, on the vCPU's thread, each time the guest pulls it
     */
    public SystemControlPortA(Runnable resetRequest) {
        this.resetRequest = resetRequest;
    }

    @Override
    public synchronized int readByte(int offset) {
        return offset == CONTROL ? control : OPEN_BUS;
    }

    @Override
    public void writeByte(int offset, int value) {
        if (offset != CONTROL) return;
        boolean reset;
        synchronized (this) {
            reset = (value & ~control & FAST_RESET) != 0;
            control = value & WRITABLE;
        }
        if (reset) resetRequest.run();
    }

    /** As after power-on. */
    public synchronized void reset() {
        control = FAST_A20;
    }

    @Override
    public synchronized DeviceState save() {
        return new DeviceState(STATE_TYPE, STATE_VERSION).put("control", control);
    }

    @Override
    public synchronized void restore(DeviceState state) {
        control = state.require(STATE_TYPE, STATE_VERSION).integer("control") & WRITABLE;
    }
}
