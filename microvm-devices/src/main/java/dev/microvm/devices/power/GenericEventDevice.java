package dev.microvm.devices.power;

import dev.microvm.bus.BusDevice;
import dev.microvm.irq.IrqLine;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;

/**
 * The registers behind the ACPI generic event device of QEMU's microvm machine, memory-mapped there at 0xfea00000 with
 * GSI 9: which event an interrupt stands for, and, for a machine without ACPI's fixed hardware, its sleep and reset
 * registers. Any thread may call.
 *
 * <p>An event sets its bit and pulses the line; the {@code _EVT} method of the guest's tables reads the bits, which clears
 * them. So describe the interrupt as edge-triggered. The only event is the power button's.
 *
 * <p>Sources: QEMU's {@code include/hw/acpi/generic_event_device.h} for the registers; ACPI 6.5, 4.8.3.6 "Reset Register",
 * 4.8.3.7 "Sleep Control and Status Registers", 5.6.9 "Interrupt-signaled ACPI events". Not emulated: hot-plug of memory
 * and CPUs, sleep states but S5.
 */
public final class GenericEventDevice implements BusDevice, Stateful {
    /** Offset of the 32-bit register whose bits are the events since it was last read; reading clears it. */
    public static final int EVENT_SELECT = 0x000;

    /** Offset of the 8-bit sleep control register, write-only. */
    public static final int SLEEP_CONTROL = 0x200;

    /** Offset of the 8-bit sleep status register, which reads as 0: nothing wakes this machine. */
    public static final int SLEEP_STATUS = 0x201;

    /** Offset of the 8-bit reset register, write-only. */
    public static final int RESET = 0x202;

    /** Bytes of its range. */
    public static final int RANGE = 0x203;

    /** Event bit: somebody pressed the power button. */
    public static final int POWER_BUTTON = 1 << 1;

    /** What the guest writes to {@link #RESET}. */
    public static final int RESET_VALUE = 0x42;

    /** The type that the guest writes to {@link #SLEEP_CONTROL} to turn the machine off: the tables' {@code _S5}. */
    public static final int SLEEP_TYPE_S5 = 5;

    private static final String STATE_TYPE = "generic-event-device";
    private static final int STATE_VERSION = 1;
    private static final int EVENT_SELECT_SIZE = 4;
    private static final int SLP_TYP_SHIFT = 2; // of SLEEP_CONTROL
    private static final int SLP_TYP_MASK = 0b111;
    private static final int SLP_EN = 1 << 5; // of SLEEP_CONTROL: go to sleep now

    private final IrqLine irq;
    private final Runnable powerOffRequest;
    private final Runnable resetRequest;
    private int events;

    /**
     * Makes a device.
     *
     * @param irq pulsed for each event
     * @param powerOffRequest called without a lock, on the vCPU's thread, each time the guest asks to be turned off
     * @param resetRequest called without a lock, on the vCPU's thread, each time the guest asks to be reset
     */
    public GenericEventDevice(IrqLine irq, Runnable powerOffRequest, Runnable resetRequest) {
        this.irq = irq;
        this.powerOffRequest = powerOffRequest;
        this.resetRequest = resetRequest;
    }

    /** Presses the power button: a guest with a handler turns itself off, in its own time; another does nothing. */
    public synchronized void pressPowerButton() {
        events |= POWER_BUTTON;
        irq.pulse();
    }

    @Override
    public synchronized long read(long offset, int size) {
        if (offset != EVENT_SELECT || size != EVENT_SELECT_SIZE) return 0;
        int seen = events;
        events = 0;
        return seen;
    }

    @Override
    public void write(long offset, int size, long value) {
        if (size != 1) return;
        if (offset == SLEEP_CONTROL && (value & SLP_EN) != 0) {
            if (((value >> SLP_TYP_SHIFT) & SLP_TYP_MASK) == SLEEP_TYPE_S5) powerOffRequest.run();
        } else if (offset == RESET && value == RESET_VALUE) {
            resetRequest.run();
        }
    }

    /** As at power-on: no event waits. */
    public synchronized void reset() {
        events = 0;
    }

    @Override
    public synchronized DeviceState save() {
        return new DeviceState(STATE_TYPE, STATE_VERSION).put("events", events);
    }

    /** Puts back a state; what was on its way on the line is part of the interrupt controller's. */
    @Override
    public synchronized void restore(DeviceState state) {
        events = state.require(STATE_TYPE, STATE_VERSION).integer("events") & POWER_BUTTON;
    }
}
