package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.I8042Registers.*;

import dev.microvm.irq.IrqLine;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.Objects;

/**
 * The keyboard controller of a PC without a keyboard. Its data port is at offset 0 and its command
 * port at offset 4, on a PC 0x60 and 0x64. The ports between belong to other devices, so add it to
 * the bus twice, one byte each: itself at 0x60 and {@link #from from(4)} at 0x64. Any thread may
 * call.
 *
 * <p>It serves two purposes: the reset line, which {@code reboot=k} in Linux pulses with command
 * 0xfe, and guests that wait for a keyboard controller. Every command completes immediately. There
 * is no auxiliary port. A byte for the keyboard gets the reply of a real controller without a
 * keyboard: {@code 0xfe} with the time-out bit, and an interrupt. {@code docs/devices/legacy.md}
 * lists the steps of Linux's probe with the reply to each.
 *
 * <p>Not emulated: keys, a mouse, the controller's RAM beyond the configuration byte, the effect of
 * the A20 gate (A20 is always open; the bit reads back).
 */
public final class I8042 implements ByteDevice, Stateful {
    private static final String STATE_TYPE = "i8042";
    private static final int STATE_VERSION = 1;
    private static final int NO_COMMAND = 0;

    private final IrqLine keyboardIrq;
    private final Runnable resetRequest;

    private int config = CONFIG_POWER_ON;
    private int outputPort = OUTPUT_POWER_ON;
    private int commandInProgress = NO_COMMAND; // waits for its parameter
    private int output; // the byte at the data port
    private int outputStatus; // STATUS_OUTPUT_FULL with STATUS_TIMEOUT, or 0
    private boolean lastWasCommand;
    private boolean fromKeyboard; // the byte came by the keyboard's wire, so it interrupts
    private boolean irqLevel;

    /**
     * Makes a controller in the state in which firmware leaves it.
     *
     * @param keyboardIrq interrupt line, IRQ 1 of a PC; {@link IrqLine#UNCONNECTED} if not needed
     * @param resetRequest called without a lock, on the vCPU's thread, each time the guest pulls
     *     the reset line
     */
    public I8042(IrqLine keyboardIrq, Runnable resetRequest) {
        this.keyboardIrq = Objects.requireNonNull(keyboardIrq, "keyboardIrq");
        this.resetRequest = Objects.requireNonNull(resetRequest, "resetRequest");
    }

    @Override
    public synchronized int readByte(int offset) {
        return switch (offset) {
            case DATA -> readData();
            case STATUS_COMMAND -> status();
            default -> OPEN_BUS;
        };
    }

    @Override
    public void writeByte(int offset, int value) {
        boolean reset;
        synchronized (this) {
            reset = switch (offset) {
                case DATA -> writeData(value);
                case STATUS_COMMAND -> command(value);
                default -> false;
            };
            updateIrq();
        }
        if (reset) resetRequest.run();
    }

    private int readData() {
        outputStatus = 0; // an empty buffer gives its last byte again
        updateIrq();
        return output;
    }

    private int status() {
        return outputStatus
                | STATUS_NOT_LOCKED
                | ((config & CONFIG_SYSTEM) != 0 ? STATUS_SYSTEM : 0)
                | (lastWasCommand ? STATUS_COMMAND_LAST : 0);
    }

    /** Executes a command or waits for its parameter; returns whether it pulls the reset line. */
    private boolean command(int command) {
        lastWasCommand = true;
        commandInProgress = NO_COMMAND;
        switch (command) {
            case READ_CONFIG -> answer(config);
            case SELF_TEST -> {
                config |= CONFIG_SYSTEM;
                answer(SELF_TEST_PASSED);
            }
            case KEYBOARD_TEST -> answer(TEST_PASSED);
            case AUX_TEST -> answer(TEST_CLOCK_STUCK_LOW);
            case AUX_DISABLE -> config |= CONFIG_AUX_DISABLED;
            case AUX_ENABLE -> config &= ~CONFIG_AUX_DISABLED;
            case KEYBOARD_DISABLE -> config |= CONFIG_KEYBOARD_DISABLED;
            case KEYBOARD_ENABLE -> config &= ~CONFIG_KEYBOARD_DISABLED;
            case READ_INPUT_PORT -> answer(INPUT_PORT_NOT_INHIBITED);
            case READ_OUTPUT_PORT -> answer(outputPort | (irqCondition() ? OUTPUT_KEYBOARD_FULL : 0));
            case DISABLE_A20 -> outputPort &= ~OUTPUT_A20;
            case ENABLE_A20 -> outputPort |= OUTPUT_A20;
            case WRITE_CONFIG, WRITE_OUTPUT_PORT, KEYBOARD_LOOP, AUX_LOOP, AUX_SEND -> commandInProgress = command;
            default -> {
                return (command & PULSE_MASK) == PULSE_OUTPUT_PORT && (command & OUTPUT_NOT_RESET) == 0;
            }
        }
        return false;
    }

    /**
     * Takes a command's parameter or a byte for the keyboard; returns whether it pulls the reset
     * line.
     */
    private boolean writeData(int value) {
        int command = commandInProgress;
        lastWasCommand = false;
        commandInProgress = NO_COMMAND;
        switch (command) {
            case WRITE_CONFIG -> config = value;
            case WRITE_OUTPUT_PORT -> {
                outputPort = (value | OUTPUT_NOT_RESET) & ~OUTPUT_KEYBOARD_FULL;
                return (value & OUTPUT_NOT_RESET) == 0;
            }
            case KEYBOARD_LOOP -> fromKeyboard(value, STATUS_OUTPUT_FULL);
            case AUX_LOOP ->
                answer(RESEND); // not marked as from the auxiliary port, which tells Linux that there is none
            case AUX_SEND -> fromKeyboard(RESEND, STATUS_OUTPUT_FULL | STATUS_TIMEOUT);
            default -> {
                config &= ~CONFIG_KEYBOARD_DISABLED; // PC/AT: a byte for the keyboard enables it
                fromKeyboard(RESEND, STATUS_OUTPUT_FULL | STATUS_TIMEOUT);
            }
        }
        return false;
    }

    private void answer(int value) {
        output = value;
        outputStatus = STATUS_OUTPUT_FULL;
        fromKeyboard = false;
    }

    private void fromKeyboard(int value, int status) {
        output = value;
        outputStatus = status;
        fromKeyboard = true;
    }

    private boolean irqCondition() {
        return outputStatus != 0 && fromKeyboard;
    }

    private void updateIrq() {
        boolean level = irqCondition() && (config & CONFIG_KEYBOARD_INTERRUPT) != 0;
        if (level == irqLevel) return;
        irqLevel = level;
        keyboardIrq.set(level);
    }

    /** Returns to the state after power-on. */
    public synchronized void reset() {
        config = CONFIG_POWER_ON;
        outputPort = OUTPUT_POWER_ON;
        commandInProgress = NO_COMMAND;
        output = 0;
        outputStatus = 0;
        lastWasCommand = false;
        fromKeyboard = false;
        updateIrq();
    }

    @Override
    public synchronized DeviceState save() {
        return new DeviceState(STATE_TYPE, STATE_VERSION)
                .put("config", config)
                .put("outputPort", outputPort)
                .put("commandInProgress", commandInProgress)
                .put("output", output)
                .put("outputStatus", outputStatus)
                .put("lastWasCommand", lastWasCommand)
                .put("fromKeyboard", fromKeyboard);
    }

    @Override
    public synchronized void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        config = state.integer("config") & 0xff;
        outputPort = state.integer("outputPort") & 0xff;
        commandInProgress = state.integer("commandInProgress") & 0xff;
        output = state.integer("output") & 0xff;
        outputStatus = state.integer("outputStatus") & (STATUS_OUTPUT_FULL | STATUS_TIMEOUT);
        lastWasCommand = state.flag("lastWasCommand");
        fromKeyboard = state.flag("fromKeyboard");
        updateIrq();
    }
}
