package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.I8254Registers.*;

import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;

/**
 * System control port B, one byte at 0x61 of a PC: the gate and output of the timer's counter 2, and the refresh clock,
 * which old delay loops count. Any thread may call.
 *
 * <p>Not emulated: the speaker, NMI sources.
 */
public final class SystemControlPortB implements ByteDevice, Stateful {
    private static final String STATE_TYPE = "system-control-port-b";
    private static final int STATE_VERSION = 1;
    private static final int CONTROL = 0; // offset, read/write

    private final I8254Pit pit;
    private int control;

    /** Makes a port that is wired to a timer. */
    public SystemControlPortB(I8254Pit pit) {
        this.pit = pit;
    }

    @Override
    public synchronized int readByte(int offset) {
        if (offset != CONTROL) return OPEN_BUS;
        return control | (pit.refresh() ? PORT_B_REFRESH : 0) | (pit.output2() ? PORT_B_OUTPUT_2 : 0);
    }

    @Override
    public synchronized void writeByte(int offset, int value) {
        if (offset != CONTROL) return;
        control = value & PORT_B_WRITABLE;
        pit.gate2((control & PORT_B_GATE_2) != 0);
    }

    /** As at power-on. */
    public synchronized void reset() {
        control = 0;
        pit.gate2(false);
    }

    @Override
    public synchronized DeviceState save() {
        return new DeviceState(STATE_TYPE, STATE_VERSION).put("control", control);
    }

    /** Puts back a state; the timer's is its own. */
    @Override
    public synchronized void restore(DeviceState state) {
        control = state.require(STATE_TYPE, STATE_VERSION).integer("control") & PORT_B_WRITABLE;
    }
}
