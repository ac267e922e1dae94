package dev.microvm.devices.legacy;

import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;

/**
 * The chip set's reset control register, one byte at 0xcf9 of a PC ({@code reboot=p} in Linux). Any thread may call.
 *
 * <p>Bit 2 going high resets: hard if bit 1 is set, else the CPU alone; here both ask for the same. Source: Intel 82371AB
 * (PIIX4) data sheet, 290562, "Reset control register".
 */
public final class ResetPort implements ByteDevice, Stateful {
    private static final String STATE_TYPE = "reset-port";
    private static final int STATE_VERSION = 1;
    private static final int CONTROL = 0; // offset, read/write
    private static final int OPEN_BUS = 0xff;
    private static final int SYSTEM_RESET = 1 << 1; // which kind: hard
    private static final int RESET_CPU = 1 << 2; // going high starts it
    private static final int WRITABLE = SYSTEM_RESET | RESET_CPU;

    private final Runnable resetRequest;
    private int control;

    /**
     * Makes a port.
     *
     * @param resetRequest the reset line; called without a lock, on the vCPU's thread, each time the guest pulls it
     */
    public ResetPort(Runnable resetRequest) {
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
            reset = (value & ~control & RESET_CPU) != 0;
            control = value & WRITABLE;
        }
        if (reset) resetRequest.run();
    }

    /** As after power-on. */
    public synchronized void reset() {
        control = 0;
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
