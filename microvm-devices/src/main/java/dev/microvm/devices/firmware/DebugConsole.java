package dev.microvm.devices.firmware;

import dev.microvm.devices.legacy.ByteDevice;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.function.IntConsumer;

/**
 * The one-byte port that firmware prints its log to: Bochs's and QEMU's debug console, at 0x402 by custom. Any thread may
 * call.
 */
public final class DebugConsole implements ByteDevice, Stateful {
    private static final String STATE_TYPE = "debug-console";
    private static final int STATE_VERSION = 1;
    private static final int DATA = 0; // offset, read/write
    private static final int PRESENT = 0xe9; // what a read returns: "there is a console here"
    private static final int OPEN_BUS = 0xff;

    private final IntConsumer output;

    /**
     * Makes a console.
     *
     * @param output takes each character, 0 to 0xff, on the vCPU's thread, one at a time; must not block
     */
    public DebugConsole(IntConsumer output) {
        this.output = output;
    }

    @Override
    public int readByte(int offset) {
        return offset == DATA ? PRESENT : OPEN_BUS;
    }

    @Override
    public synchronized void writeByte(int offset, int value) {
        if (offset == DATA) output.accept(value);
    }

    @Override
    public DeviceState save() {
        return new DeviceState(STATE_TYPE, STATE_VERSION);
    }

    @Override
    public void restore(DeviceState state) {
        state.require(STATE_TYPE, STATE_VERSION);
    }
}
