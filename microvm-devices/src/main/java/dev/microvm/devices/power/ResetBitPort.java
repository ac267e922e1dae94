package dev.microvm.devices.power;

import dev.microvm.devices.legacy.ByteDevice;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;

/** A port of one byte whose bits read back, one of which resets the machine when it goes high. Any thread may call. */
abstract class ResetBitPort implements ByteDevice, Stateful {
    private static final int STATE_VERSION = 1;
    private static final int CONTROL = 0; // offset
    private static final int OPEN_BUS = 0xff;

    private final String stateType;
    private final int resetBit;
    private final int writable;
    private final int powerOn;
    private final Runnable resetRequest;
    private int control;

    /**
     * Makes a port.
     *
     * @param stateType of its saved state
     * @param resetBit that resets when it goes high
     * @param writable bits that read back; the others read as 0
     * @param powerOn what it holds at power-on
     * @param resetRequest the reset line; called without a lock
     */
    ResetBitPort(String stateType, int resetBit, int writable, int powerOn, Runnable resetRequest) {
        this.stateType = stateType;
        this.resetBit = resetBit;
        this.writable = writable;
        this.powerOn = powerOn;
        this.resetRequest = resetRequest;
        this.control = powerOn;
    }

    @Override
    public final synchronized int readByte(int offset) {
        return offset == CONTROL ? control : OPEN_BUS;
    }

    @Override
    public final void writeByte(int offset, int value) {
        if (offset != CONTROL) return;
        boolean reset;
        synchronized (this) {
            reset = (value & ~control & resetBit) != 0;
            control = value & writable;
        }
        if (reset) resetRequest.run();
    }

    /** As after power-on. */
    public final synchronized void reset() {
        control = powerOn;
    }

    @Override
    public final synchronized DeviceState save() {
        return new DeviceState(stateType, STATE_VERSION).put("control", control);
    }

    @Override
    public final synchronized void restore(DeviceState state) {
        control = state.require(stateType, STATE_VERSION).integer("control") & writable;
    }
}
