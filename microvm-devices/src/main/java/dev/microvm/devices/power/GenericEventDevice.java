package dev.microvm.devices.power;

import dev.microvm.bus.BusDevice;
import dev.microvm.irq.IrqLine;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.Objects;

/**
 * The registers of the ACPI generic event device of QEMU's microvm machine, where they are
 * memory-mapped at 0xfea00000 with GSI 9. They say which event caused an interrupt. They also
 * contain sleep and reset registers, because the machine has no ACPI fixed hardware. Any thread may
 * call.
 *
 * <p>An event sets its bit and pulses the line. The {@code _EVT} method of the ACPI tables reads
 * the bits, which clears them. Therefore the tables must describe the interrupt as edge-triggered.
 * The events are the power button, and that the VM generation ID has changed.
 *
 * <p>Sources: QEMU's {@code include/hw/acpi/generic_event_device.h} for the registers; ACPI 6.5,
 * 4.8.3.6 "Reset Register", 4.8.3.7 "Sleep Control and Status Registers", 5.6.9 "Interrupt-signaled
 * ACPI events". Not emulated: hot-plug of memory and CPUs, sleep states other than S5.
 */
public final class GenericEventDevice implements BusDevice, Stateful {
    /**
     * Offset of the 32-bit event register: its bits are the events since the last read, and reading
     * clears it.
     */
    public static final int EVENT_SELECT = 0x000;

    /** Offset of the 8-bit sleep control register, write-only. */
    public static final int SLEEP_CONTROL = 0x200;

    /**
     * Offset of the 8-bit sleep status register, which reads as 0, because nothing wakes this
     * machine.
     */
    public static final int SLEEP_STATUS = 0x201;

    /** Offset of the 8-bit reset register, write-only. */
    public static final int RESET = 0x202;

    /** Size of its range in bytes. */
    public static final int RANGE = 0x203;

    /** Event bit: the power button was pressed. */
    public static final int POWER_BUTTON = 1 << 1;

    /** Event bit: the machine continues from a snapshot or a fork. QEMU has other events below. */
    public static final int GENERATION_CHANGED = 1 << 5;

    /** Value that the guest writes to {@link #RESET} to reset the machine. */
    public static final int RESET_VALUE = 0x42;

    /**
     * Sleep type that the guest writes to {@link #SLEEP_CONTROL} to turn the machine off, the value
     * of {@code _S5} in the ACPI tables.
     */
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
     * @param irq interrupt line, pulsed at each event
     * @param powerOffRequest called without a lock, on the vCPU's thread, each time the guest asks
     *     to be turned off
     * @param resetRequest called without a lock, on the vCPU's thread, each time the guest asks to
     *     be reset
     */
    public GenericEventDevice(IrqLine irq, Runnable powerOffRequest, Runnable resetRequest) {
        this.irq = Objects.requireNonNull(irq, "irq");
        this.powerOffRequest = Objects.requireNonNull(powerOffRequest, "powerOffRequest");
        this.resetRequest = Objects.requireNonNull(resetRequest, "resetRequest");
    }

    /**
     * Presses the power button. A guest with a handler then turns itself off when it is ready;
     * other guests ignore it.
     */
    public void pressPowerButton() {
        report(POWER_BUTTON);
    }

    /** Tells the guest that its VM generation ID is another one. */
    public void reportGeneration() {
        report(GENERATION_CHANGED);
    }

    private synchronized void report(int event) {
        events |= event;
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

    /** Returns to the state after power-on: no event is pending. */
    public synchronized void reset() {
        events = 0;
    }

    @Override
    public synchronized DeviceState save() {
        return new DeviceState(STATE_TYPE, STATE_VERSION).put("events", events);
    }

    /**
     * Restores a state. An interrupt that the line already signalled is part of the state of the
     * interrupt controller.
     */
    @Override
    public synchronized void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        events = state.require(STATE_TYPE, STATE_VERSION).integer("events") & (POWER_BUTTON | GENERATION_CHANGED);
    }
}
