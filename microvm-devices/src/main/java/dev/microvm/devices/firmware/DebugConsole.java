package dev.microvm.devices.firmware;

import dev.microvm.devices.legacy.ByteDevice;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.Objects;
import java.util.function.IntConsumer;

/**
 * The debug console of Bochs and QEMU: a one-byte port to which firmware prints its log, usually
 * 0x402. Any thread may call.
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
     * @param output called with each character, 0 to 0xff, on the vCPU's thread, one call at a
     *     time; must not block
     */
    public DebugConsole(IntConsumer output) {
        this.output = Objects.requireNonNull(output, "output");
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
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
    }
}
