package dev.microvm.devices.power;

import dev.microvm.devices.legacy.ByteDevice;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.Objects;

/**
 * A one-byte port with bits that read back. One bit resets the machine when it goes high. Any
 * thread may call.
 */
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
     * @param stateType type of its saved state
     * @param resetBit bit that resets the machine when it goes high
     * @param writable mask of the bits that read back; the others read as 0
     * @param powerOn value at power-on
     * @param resetRequest called without a lock each time the reset bit goes high
     */
    ResetBitPort(String stateType, int resetBit, int writable, int powerOn, Runnable resetRequest) {
        this.stateType = stateType;
        this.resetBit = resetBit;
        this.writable = writable;
        this.powerOn = powerOn;
        this.resetRequest = Objects.requireNonNull(resetRequest, "resetRequest");
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

    /** Returns to the state after power-on. */
    public final synchronized void reset() {
        control = powerOn;
    }

    @Override
    public final synchronized DeviceState save() {
        return new DeviceState(stateType, STATE_VERSION).put("control", control);
    }

    @Override
    public final synchronized void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        control = state.require(stateType, STATE_VERSION).integer("control") & writable;
    }
}
