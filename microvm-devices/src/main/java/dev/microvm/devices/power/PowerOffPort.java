package dev.microvm.devices.power;

import dev.microvm.bus.BusDevice;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.Arrays;
import java.util.Objects;

/**
 * The control register of a chip set's power management, PM1a_CNT, as far as it turns the machine
 * off. Small kernels write to it without a look at ACPI tables, at the ports that emulators use:
 * 0x604 (QEMU), 0xb004 (Bochs, QEMU before 2.0), 0x4004 (VirtualBox). Any thread may call.
 *
 * <p>Source: ACPI 6.5, 4.8.3.2.1, for the register; Intel 82371AB (PIIX4) data sheet, 290562,
 * "PMCNTRL", and Intel ICH9 data sheet, 316972, "PM1_CNT", for the values of SLP_TYP.
 */
public final class PowerOffPort implements BusDevice, Stateful {
    /** Size of its port range in bytes: room for a 4-byte write. */
    public static final int RANGE = 4;

    private static final String STATE_TYPE = "power-off-port";
    private static final int STATE_VERSION = 1;

    private static final int SLP_TYP_SHIFT = 10;
    private static final int SLP_TYP = 0b111;
    private static final int SLP_EN = 1 << 13;

    /** The types that mean soft off: PIIX4's and QEMU's, VirtualBox's, ICH9's. */
    private static final int[] SOFT_OFF = {0, 5, 7};

    private final Runnable powerOffRequest;

    /**
     * Makes a port.
     *
     * @param powerOffRequest called without a lock, on the vCPU's thread, each time the guest turns
     *     itself off
     */
    public PowerOffPort(Runnable powerOffRequest) {
        this.powerOffRequest = Objects.requireNonNull(powerOffRequest, "powerOffRequest");
    }

    /** Reads as 0: nothing but SLP_EN is here, and that bit is write-only. */
    @Override
    public long read(long offset, int size) {
        return 0;
    }

    @Override
    public void write(long offset, int size, long value) {
        int register = (int) (value << (offset * Byte.SIZE));
        int type = register >>> SLP_TYP_SHIFT & SLP_TYP;
        boolean off = Arrays.stream(SOFT_OFF).anyMatch(each -> each == type);
        if ((register & SLP_EN) != 0 && off) powerOffRequest.run();
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
