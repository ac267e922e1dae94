package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.Uart16550Registers.*;

import dev.microvm.clock.Timers;
import dev.microvm.irq.IrqLine;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A 16550A serial port: eight byte-wide registers, on a PC at 0x3f8 with IRQ 4. Any thread may
 * call.
 *
 * <p>A character takes no time on the line. Characters from the guest go to the {@link Output}
 * immediately; while the output is full, the transmitter is busy. Characters from {@link #receive}
 * wait in a queue and enter the receive FIFO as the guest reads, so none is lost to an overrun. A
 * guest that has ever raised RTS receives nothing while RTS is low. Characters arrive in bursts;
 * after each burst there is a pause as long as the guest took to read it (see
 * {@link UartReceivePauses}).
 *
 * <p>Not emulated: baud rate (except for the receive time-out), word length and parity (a character
 * always has 8 bits), sending of breaks, DMA signals.
 */
public final class Uart16550 implements ByteDevice, Stateful {
    /** Takes the characters that the guest sends. */
    @FunctionalInterface
    public interface Output {
        /**
         * Takes a character, or returns false if there is no room for it. In that case, the
         * implementor calls {@link Uart16550#outputReady} when there is room again. Called under
         * the device's lock, often on a vCPU's thread: must not block.
         *
         * @param character 0 to 0xff
         */
        boolean offer(int character);
    }

    /** Maximum number of characters that wait on the host's side for the guest to read. */
    public static final int INPUT_CAPACITY = 1 << 16;

    private static final String STATE_TYPE = "uart16550";
    private static final int STATE_VERSION = 1;
    private static final int POWER_ON_DIVISOR = 12; // 9600 baud; the data sheet leaves it open

    private final IrqLine irq;
    private final Output output;
    private final UartReceiveTimeout timeout;
    private final UartReceivePauses pauses;

    private final CharQueue input = new CharQueue(INPUT_CAPACITY);
    private final CharQueue receiver = new CharQueue(FIFO_DEPTH);
    private final CharQueue transmitter = new CharQueue(FIFO_DEPTH);
    private final UartModemLines modem = new UartModemLines();
    private Runnable inputSpace = () -> {};
    private boolean inputRefused;

    private int ier;
    private int fcr;
    private int lcr;
    private int mcr;
    private boolean rtsUsed; // the guest has raised RTS, so its level says whether it wants characters
    private int scr;
    private int divisor = POWER_ON_DIVISOR;
    private int lineErrors; // OE, PE, FE, BI of LSR, until it is read
    private boolean thrInterrupt;
    private boolean irqLevel;

    /**
     * Makes a port whose receive time-out expires immediately: each received character causes an
     * interrupt, regardless of the trigger level.
     *
     * @param irq interrupt line
     * @param output takes the characters that the guest sends
     */
    public Uart16550(IrqLine irq, Output output) {
        this(irq, output, null);
    }

    /**
     * Makes a port.
     *
     * @param irq interrupt line
     * @param output takes the characters that the guest sends
     * @param timers timers for the receive time-out of four character times and for pauses between
     *     bursts; null for neither, see {@link #Uart16550(IrqLine, Output)}
     */
    @SuppressWarnings("this-escape") // the timers are not armed yet
    public Uart16550(IrqLine irq, Output output, @Nullable Timers timers) {
        this.irq = Objects.requireNonNull(irq, "irq");
        this.output = Objects.requireNonNull(output, "output");
        this.timeout = new UartReceiveTimeout(timers, this::timeoutExpired);
        this.pauses = new UartReceivePauses(timers, this::pauseOver);
    }

    // ---- the guest's side

    @Override
    public synchronized int readByte(int offset) {
        boolean dlab = (lcr & LCR_DLAB) != 0;
        return switch (offset) {
            case RBR -> dlab ? divisor & 0xff : readReceiver();
            case IER -> dlab ? divisor >> 8 : ier;
            case IIR -> readInterruptIdentification();
            case LCR -> lcr;
            case MCR -> mcr;
            case LSR -> readLineStatus();
            case MSR -> readModemStatus();
            case SCR -> scr;
            default -> OPEN_BUS;
        };
    }

    @Override
    public synchronized void writeByte(int offset, int value) {
        boolean dlab = (lcr & LCR_DLAB) != 0;
        switch (offset) {
            case THR -> {
                if (dlab) divisor = (divisor & 0xff00) | value;
                else transmit(value);
            }
            case IER -> {
                if (dlab) divisor = (divisor & 0xff) | (value << 8);
                else writeInterruptEnable(value & IER_MASK);
            }
            case FCR -> writeFifoControl(value);
            case LCR -> lcr = value;
            case MCR -> writeModemControl(value & MCR_MASK);
            case SCR -> scr = value;
            default -> {} // LSR and MSR are read-only
        }
    }

    private int readReceiver() {
        int character = receiver.poll();
        if (character == CharQueue.EMPTY) return 0;
        timeout.acknowledge();
        receivedOrRead();
        return character & 0xff;
    }

    private int readInterruptIdentification() {
        int source = interruptSource();
        if (source == IIR_THR_EMPTY) { // reading IIR acknowledges this source, and only when it is the one shown
            thrInterrupt = false;
            updateIrq();
        }
        return source | (fifosEnabled() ? IIR_FIFOS_ENABLED : 0);
    }

    private int readLineStatus() {
        int status = lineErrors;
        if (!receiver.isEmpty()) status |= LSR_DR;
        if (transmitter.isEmpty()) status |= LSR_THRE | LSR_TEMT;
        boolean errorWaits = receiver.hasFlagged() || (lineErrors & LSR_CHARACTER_ERRORS) != 0;
        if (fifosEnabled() && errorWaits) status |= LSR_FIFO_ERROR;
        lineErrors = 0;
        updateIrq();
        return status;
    }

    private int readModemStatus() {
        int status = modem.read();
        updateIrq();
        return status;
    }

    private void transmit(int character) {
        thrInterrupt = false;
        updateIrq(); // the line falls before it rises again: the next character's edge must be seen
        if (loopback()) {
            receiveLooped(character);
        } else if (!transmitter.isEmpty() || !output.offer(character)) {
            if (transmitter.size() < fifoDepth()) transmitter.offer(character);
        }
        thrInterrupt = transmitter.isEmpty();
        updateIrq();
    }

    private void receiveLooped(int character) {
        if (receiver.size() == fifoDepth()) {
            lineErrors |= LSR_OE;
            if (fifosEnabled())
                return; // data sheet, "Line status register", bit 1: the FIFO stays, the new character is lost
            receiver.clear(); // without FIFOs the new character replaces the old
        }
        receiver.offer(character);
        receivedOrRead();
    }

    private void writeInterruptEnable(int value) {
        boolean thrEnabledNow = (value & ~ier & IER_ETBEI) != 0;
        ier = value;
        if (thrEnabledNow && transmitter.isEmpty()) thrInterrupt = true;
        updateIrq();
    }

    private void writeFifoControl(int value) {
        boolean enable = (value & FCR_ENABLE) != 0;
        boolean switched = enable != fifosEnabled();
        if (switched || (enable && (value & FCR_RESET_RECEIVER) != 0)) {
            receiver.clear();
            timeout.stop();
        }
        if (switched || (enable && (value & FCR_RESET_TRANSMITTER) != 0)) {
            if (!transmitter.isEmpty()) thrInterrupt = true;
            transmitter.clear();
        }
        fcr = enable ? value & FCR_KEPT : 0;
        receivedOrRead();
    }

    private void writeModemControl(int value) {
        mcr = value;
        rtsUsed |= (mcr & (MCR_RTS | MCR_LOOP)) == MCR_RTS;
        modem.follow(mcr);
        receivedOrRead(); // leaving loopback, or raising RTS, lets waiting input in
    }

    // ---- the host's side

    /**
     * Queues a character for the guest to read.
     *
     * @param character the character, 0 to 0xff
     * @return false if {@link #INPUT_CAPACITY} characters wait already; then it was not taken
     */
    public synchronized boolean receive(int character) {
        return enqueue(character & 0xff);
    }

    /**
     * Queues characters for the guest to read, as many as there is room for.
     *
     * @return the number of characters taken, beginning with the first
     */
    public synchronized int receive(byte[] from, int offset, int length) {
        Objects.requireNonNull(from, "from");
        Objects.checkFromIndexSize(offset, length, from.length);
        int taken = Math.min(length, input.space());
        for (int i = 0; i < taken; i++) {
            input.offer(Byte.toUnsignedInt(from[offset + i]));
        }
        inputRefused |= taken < length;
        receivedOrRead();
        return taken;
    }

    /**
     * Queues a break for the guest, in order with the characters. Linux treats the next character
     * as a SysRq command.
     *
     * @return false if {@link #INPUT_CAPACITY} characters wait already; then it was not taken
     */
    public synchronized boolean receiveBreak() {
        return enqueue(LSR_BI << 8);
    }

    /** Returns the number of characters that {@link #receive} would take now. */
    public synchronized int inputSpace() {
        return input.space();
    }

    /**
     * Sets the action to call after a {@link #receive} that did not take all characters, when half
     * of the queue is free again. It is called under the device's lock, on a vCPU's thread, and
     * must not block.
     */
    public synchronized void onInputSpace(Runnable action) {
        inputSpace = Objects.requireNonNull(action, "action");
    }

    /**
     * Tells the port that the {@link Output} has room again. The caller must not hold a lock that
     * {@link Output#offer} takes.
     */
    public synchronized void outputReady() {
        if (transmitter.isEmpty()) return;
        while (!transmitter.isEmpty() && output.offer(transmitter.peek())) transmitter.poll();
        thrInterrupt = transmitter.isEmpty();
        updateIrq();
    }

    /**
     * Sets the modem input lines. Initially all are on, except the ring indicator.
     *
     * @param cts clear to send
     * @param dsr data set ready
     * @param ri ring indicator
     * @param dcd data carrier detect
     */
    public synchronized void modemLines(boolean cts, boolean dsr, boolean ri, boolean dcd) {
        modem.drive(cts, dsr, ri, dcd);
        modem.follow(mcr);
        updateIrq();
    }

    /**
     * Moves the waiting host-side input of another port to this one. The guest of the other port
     * must have stopped.
     */
    public void inherit(Uart16550 other) {
        Objects.requireNonNull(other, "other");
        CharQueue waiting = other.takeInput();
        synchronized (this) {
            while (!waiting.isEmpty() && input.offer(waiting.peek())) waiting.poll();
            receivedOrRead();
        }
    }

    private synchronized CharQueue takeInput() {
        CharQueue taken = new CharQueue(INPUT_CAPACITY);
        while (!input.isEmpty()) taken.offer(input.poll());
        return taken;
    }

    /**
     * Resets as the reset pin does: data sheet, "UART reset configuration". Input that waits on the
     * host's side stays.
     */
    public synchronized void reset() {
        ier = 0;
        fcr = 0;
        lcr = 0;
        mcr = 0;
        rtsUsed = false;
        lineErrors = 0;
        receiver.clear();
        transmitter.clear();
        thrInterrupt = false;
        timeout.stop();
        modem.reset();
        receivedOrRead();
    }

    private boolean enqueue(int character) {
        boolean taken = input.offer(character);
        inputRefused |= !taken;
        receivedOrRead();
        return taken;
    }

    // ---- inside

    private boolean fifosEnabled() {
        return (fcr & FCR_ENABLE) != 0;
    }

    private int fifoDepth() {
        return fifosEnabled() ? FIFO_DEPTH : 1;
    }

    private boolean loopback() {
        return (mcr & MCR_LOOP) != 0;
    }

    /**
     * Fills the FIFO, shows the errors of its first character and restarts the time-out. Called
     * after a character was received or read.
     */
    private void receivedOrRead() {
        if (!loopback()) {
            fillReceiver();
            if (inputRefused && input.space() >= INPUT_CAPACITY / 2) {
                inputRefused = false;
                inputSpace.run();
            }
        }
        lineErrors |= receiver.takeFlags();
        if (!fifosEnabled() || receiver.isEmpty()) timeout.stop();
        else timeout.restart(timeoutNanos(lcr, divisor));
        updateIrq();
    }

    private void fillReceiver() {
        boolean clear = !rtsUsed || (mcr & MCR_RTS) != 0;
        while (clear && receiver.size() < fifoDepth() && !input.isEmpty() && !pauses.pausing()) {
            receiver.offer(input.poll());
            pauses.came();
        }
        if (!clear || input.isEmpty()) pauses.idle();
    }

    private synchronized void pauseOver() {
        if (pauses.over()) receivedOrRead();
    }

    private synchronized void timeoutExpired() {
        if (timeout.expired()) updateIrq();
    }

    /** Returns the source that IIR shows: data sheet, "Interrupt control functions". */
    private int interruptSource() {
        if ((ier & IER_ELSI) != 0 && lineErrors != 0) return IIR_LINE_STATUS;
        if ((ier & IER_ERBFI) != 0) {
            int level = fifosEnabled() ? triggerLevel(fcr) : 1;
            if (receiver.size() >= level) return IIR_DATA_AVAILABLE;
            if (timeout.passed()) return IIR_TIMEOUT;
        }
        if ((ier & IER_ETBEI) != 0 && thrInterrupt) return IIR_THR_EMPTY;
        if ((ier & IER_EDSSI) != 0 && modem.changed()) return IIR_MODEM_STATUS;
        return IIR_NONE;
    }

    /**
     * Drives the interrupt line. OUT2 does not gate it, unlike on a PC: guests made for QEMU, whose
     * hw/char/serial.c has no gate, leave OUT2 clear.
     */
    private void updateIrq() {
        boolean level = interruptSource() != IIR_NONE;
        if (level == irqLevel) return;
        irqLevel = level;
        irq.set(level);
    }

    // ---- state

    @Override
    public synchronized DeviceState save() {
        DeviceState state = new DeviceState(STATE_TYPE, STATE_VERSION)
                .put("ier", ier)
                .put("fcr", fcr)
                .put("lcr", lcr)
                .put("mcr", mcr)
                .put("rtsUsed", rtsUsed)
                .put("scr", scr)
                .put("divisor", divisor)
                .put("lineErrors", lineErrors)
                .put("thrInterrupt", thrInterrupt)
                .put("receiver", receiver.toBytes())
                .put("transmitter", transmitter.toBytes())
                .put("input", input.toBytes());
        modem.save(state);
        timeout.save(state);
        pauses.save(state);
        return state;
    }

    @Override
    public synchronized void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        ier = state.integer("ier") & IER_MASK;
        fcr = state.integer("fcr") & FCR_KEPT;
        lcr = state.integer("lcr") & 0xff;
        mcr = state.integer("mcr") & MCR_MASK;
        rtsUsed = state.flag("rtsUsed");
        scr = state.integer("scr") & 0xff;
        divisor = state.integer("divisor") & 0xffff;
        lineErrors = state.integer("lineErrors") & (LSR_OE | LSR_CHARACTER_ERRORS);
        thrInterrupt = state.flag("thrInterrupt");
        receiver.fromBytes(state.bytes("receiver"));
        transmitter.fromBytes(state.bytes("transmitter"));
        input.fromBytes(state.bytes("input"));
        modem.restore(state);
        timeout.restore(state);
        pauses.restore(state);
        outputReady();
        updateIrq();
    }
}
