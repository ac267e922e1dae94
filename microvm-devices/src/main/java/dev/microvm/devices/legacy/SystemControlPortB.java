package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.I8254Registers.*;

import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.Objects;

/**
 * System control port B, one byte, on a PC at 0x61. It has the gate and the output of counter 2 of
 * the timer, and the refresh clock, which old delay loops count. Source: IBM PC/AT Technical
 * Reference, "System control port B". Any thread may call.
 *
 * <p>Not emulated: the speaker, the NMI sources.
 */
public final class SystemControlPortB implements ByteDevice, Stateful {
    private static final String STATE_TYPE = "system-control-port-b";
    private static final int STATE_VERSION = 1;
    private static final int CONTROL = 0; // offset, read/write

    private final I8254Pit pit;
    private int control;

    /** Makes a port that is connected to a timer. */
    public SystemControlPortB(I8254Pit pit) {
        this.pit = Objects.requireNonNull(pit, "pit");
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

    /** Returns to the state after power-on. */
    public synchronized void reset() {
        control = 0;
        pit.gate2(false);
    }

    @Override
    public synchronized DeviceState save() {
        return new DeviceState(STATE_TYPE, STATE_VERSION).put("control", control);
    }

    /** Restores a state. The state of the timer is not part of it. */
    @Override
    public synchronized void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        control = state.require(STATE_TYPE, STATE_VERSION).integer("control") & PORT_B_WRITABLE;
    }
}
