package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.I8254Registers.*;

import dev.microvm.clock.Timers;
import dev.microvm.irq.IrqLine;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.Objects;

/**
 * An 8254 programmable interval timer: three counters and a control word, on a PC at ports 0x40 to
 * 0x43. The output of counter 0 is the interrupt, IRQ 0 of a PC. Any thread may call.
 *
 * <p>Counts and outputs are exact to the clock whenever the guest reads them. The rising edges of
 * the interrupt line are as exact as the host's timers. If an output falls by itself, the line
 * falls only just before its next rise. If the host is late by more than a cycle, the missed edges
 * become one. At rates above 20 kHz, some edges are omitted.
 *
 * <p>The gates of counters 0 and 1 are always high, as on a PC. {@link SystemControlPortB} has the
 * gate and the output of counter 2, and the refresh clock.
 */
public final class I8254Pit implements ByteDevice, Stateful {
    private static final String STATE_TYPE = "i8254";
    private static final int STATE_VERSION = 1;
    private static final long NANOS_PER_SECOND = 1_000_000_000;

    /** Minimum time between two interrupts of a periodic mode, in clocks. */
    private static final long LEAST_CLOCKS_BETWEEN_EDGES = CLOCK_HZ / 20_000;

    private final IrqLine irq;
    private final Timers timers;
    private final Timers.Timer timer;
    private final I8254Counter[] counters = {
        new I8254Counter(true), new I8254Counter(true), new I8254Counter(false),
    };
    private long originNanos; // of the counters' clock, on that of timers
    private long edgeAt = I8254Counter.NEVER; // clock for which the timer is armed
    private boolean irqLevel;

    /**
     * Makes a timer whose counters stand still until the guest programs them.
     *
     * @param irq interrupt line, driven by the output of counter 0
     * @param timers clock of the counters, and timers for the interrupts
     */
    @SuppressWarnings("this-escape") // the timer is not armed yet
    public I8254Pit(IrqLine irq, Timers timers) {
        this.irq = Objects.requireNonNull(irq, "irq");
        this.timers = Objects.requireNonNull(timers, "timers");
        this.timer = timers.timer(this::timerExpired);
        this.originNanos = timers.nanoTime();
    }

    @Override
    public synchronized int readByte(int offset) {
        if (offset >= COUNTERS) return OPEN_BUS;
        return counters[offset].read(now());
    }

    @Override
    public synchronized void writeByte(int offset, int value) {
        long now = now();
        if (offset < COUNTERS) {
            if (offset == 0) deliverEdge(now);
            counters[offset].write(value, now);
            if (offset == 0) updateIrq(now);
        } else if (offset == CONTROL_WORD) {
            writeControlWord(value, now);
        }
    }

    private void writeControlWord(int value, long now) {
        int select = value >> CW_SELECT_SHIFT;
        if (select == CW_READ_BACK) {
            readBack(value, now);
        } else if (((value >> CW_ACCESS_SHIFT) & CW_ACCESS_MASK) == ACCESS_LATCH) {
            counters[select].latchCount(now);
        } else {
            if (select == 0) deliverEdge(now);
            counters[select].control(value);
            if (select == 0) updateIrq(now);
        }
    }

    private void readBack(int command, long now) {
        for (int i = 0; i < COUNTERS; i++) {
            if ((command & (2 << i)) == 0) continue;
            if ((command & READ_BACK_NOT_COUNT) == 0) counters[i].latchCount(now);
            if ((command & READ_BACK_NOT_STATUS) == 0) counters[i].latchStatus(now);
        }
    }

    // ---- what port B wires

    /** Drives the gate of counter 2. */
    synchronized void gate2(boolean level) {
        counters[2].gate(level, now());
    }

    /** Returns the level of the gate of counter 2. */
    synchronized boolean gate2() {
        return counters[2].gate();
    }

    /** Returns the level of the output of counter 2. */
    synchronized boolean output2() {
        return counters[2].output(now());
    }

    /**
     * Returns a signal that toggles at each memory refresh request, independent of the programming
     * of counter 1.
     */
    synchronized boolean refresh() {
        return now() / REFRESH_CLOCKS % 2 != 0;
    }

    // ---- time and the interrupt

    private long now() {
        long nanos = timers.nanoTime() - originNanos;
        return nanos / NANOS_PER_SECOND * CLOCK_HZ + nanos % NANOS_PER_SECOND * CLOCK_HZ / NANOS_PER_SECOND;
    }

    /**
     * Returns the first nanosecond, on the clock of {@link Timers}, at which {@link #now} is
     * {@code clock}.
     */
    private long nanosAt(long clock) {
        long rest = clock % CLOCK_HZ;
        return originNanos + clock / CLOCK_HZ * NANOS_PER_SECOND + Math.ceilDiv(rest * NANOS_PER_SECOND, CLOCK_HZ);
    }

    private void setIrq(boolean level) {
        if (level == irqLevel) return;
        irqLevel = level;
        irq.set(level);
    }

    /**
     * Sets the line to the output of counter 0 and arms the timer for its next edge. Called after
     * the guest programmed counter 0.
     */
    private void updateIrq(long now) {
        setIrq(counters[0].output(now));
        awaitEdge(counters[0].nextRise(now));
    }

    private void awaitEdge(long clock) {
        edgeAt = clock;
        if (clock == I8254Counter.NEVER) timer.cancel();
        else timer.armAt(nanosAt(clock));
    }

    private synchronized void timerExpired() {
        deliverEdge(now());
        if (edgeAt != I8254Counter.NEVER) awaitEdge(edgeAt);
    }

    /**
     * Makes the edge that is due, unless the counter was programmed again after the timer expired.
     */
    private void deliverEdge(long now) {
        if (now < edgeAt) return;
        setIrq(false);
        setIrq(true);
        long next = counters[0].nextRise(now);
        edgeAt = next == I8254Counter.NEVER ? next : Math.max(next, edgeAt + LEAST_CLOCKS_BETWEEN_EDGES);
    }

    /** Returns to the state after power-on. */
    public synchronized void reset() {
        counters[0] = new I8254Counter(true);
        counters[1] = new I8254Counter(true);
        counters[2] = new I8254Counter(false);
        setIrq(false);
        awaitEdge(I8254Counter.NEVER);
    }

    @Override
    public synchronized DeviceState save() {
        DeviceState state = new DeviceState(STATE_TYPE, STATE_VERSION)
                .put("nanos", timers.nanoTime() - originNanos)
                .put("edgeAt", edgeAt)
                .put("irqLevel", irqLevel);
        for (int i = 0; i < COUNTERS; i++) counters[i].save(state, "counter" + i + ".");
        return state;
    }

    /**
     * Restores a state. The counters continue from where they were; the time in between does not
     * count.
     */
    @Override
    public synchronized void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        for (int i = 0; i < COUNTERS; i++) counters[i].restore(state, "counter" + i + ".");
        originNanos = timers.nanoTime() - state.number("nanos");
        setIrq(state.flag("irqLevel"));
        awaitEdge(state.number("edgeAt"));
    }
}
