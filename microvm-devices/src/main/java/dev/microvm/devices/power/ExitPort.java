package dev.microvm.devices.power;

import dev.microvm.bus.BusDevice;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.Objects;
import java.util.function.IntConsumer;

/**
 * A port by which a guest ends its machine with an exit code. The guest writes the code in one
 * access of 1, 2 or 4 bytes. The usual port is 0xf4, as for QEMU's {@code isa-debug-exit}; QEMU
 * modifies the code, this device does not. Any thread may call.
 */
public final class ExitPort implements BusDevice, Stateful {
    /** Size of its port range in bytes: room for a 4-byte write. */
    public static final int RANGE = 4;

    private static final String STATE_TYPE = "exit-port";
    private static final int STATE_VERSION = 1;
    private static final int CODE = 0; // offset, write-only; reads as 0

    private final IntConsumer exitRequest;

    /**
     * Makes a port.
     *
     * @param exitRequest called with each code on the vCPU's thread; codes of 1 and 2 bytes are
     *     unsigned
     */
    public ExitPort(IntConsumer exitRequest) {
        this.exitRequest = Objects.requireNonNull(exitRequest, "exitRequest");
    }

    @Override
    public long read(long offset, int size) {
        return 0;
    }

    @Override
    public void write(long offset, int size, long value) {
        if (offset == CODE) exitRequest.accept((int) value);
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
