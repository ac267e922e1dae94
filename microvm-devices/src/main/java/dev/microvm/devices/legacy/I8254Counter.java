package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.I8254Registers.*;

import dev.microvm.state.DeviceState;

/**
 * One counter of an 8254, as a function of time. It keeps the time and the value of the last load
 * of its counting element, and computes count and output on demand. Time is in clocks of the
 * counter; {@code now} must never decrease from call to call. Guarded by the lock of its
 * {@link I8254Pit}.
 */
final class I8254Counter {
    /** What {@link #nextRise} returns when the output will not rise by itself. */
    static final long NEVER = Long.MAX_VALUE;

    private static final int NOT_LATCHED = -1;

    // As programmed.
    private int control = ACCESS_LOW_HIGH << CW_ACCESS_SHIFT; // bits 0 to 5; the data sheet leaves power-on open
    private boolean gate;
    private int written; // count register: what was written last
    private int firstByte; // of a two-byte write that is under way
    private boolean writeHighNext;

    // The counting element.
    private boolean armed; // a count was written since the control word
    private boolean counting; // the element was loaded since the control word, or will be at start
    private long start; // clock at which it was or will be loaded
    private int period = 1; // what it was loaded with, 1 to 65,536
    private boolean frozen; // by the gate
    private long frozenElapsed; // clocks it had counted then
    private int nextPeriod; // modes 2 and 3: to load at nextStart; 0 for none
    private long nextStart;

    // Reading.
    private boolean readHighNext;
    private int latchedCount = NOT_LATCHED;
    private int latchedStatus = NOT_LATCHED;

    I8254Counter(boolean gate) {
        this.gate = gate;
    }

    private int mode() {
        int field = (control >> CW_MODE_SHIFT) & CW_MODE_MASK;
        return field > MODE_HARDWARE_STROBE ? field & MODE_SQUARE : field;
    }

    private int access() {
        return (control >> CW_ACCESS_SHIFT) & CW_ACCESS_MASK;
    }

    private boolean bcd() {
        return (control & CW_BCD) != 0;
    }

    private boolean periodic() {
        return mode() == MODE_RATE || mode() == MODE_SQUARE;
    }

    // ---- programming

    /** Applies a control word that selects this counter and is not a latch command. */
    void control(int word) {
        control = word & 0x3f;
        writeHighNext = false;
        readHighNext = false;
        latchedCount = NOT_LATCHED;
        latchedStatus = NOT_LATCHED;
        armed = false;
        counting = false;
        frozen = false;
        nextPeriod = 0;
    }

    void write(int value, long now) {
        settle(now);
        switch (access()) {
            case ACCESS_LOW -> load(value, now);
            case ACCESS_HIGH -> load(value << 8, now);
            default -> {
                if (writeHighNext) {
                    load((value << 8) | firstByte, now);
                } else {
                    firstByte = value;
                    if (mode() == MODE_TERMINAL_COUNT) counting = false; // and the output goes low
                }
                writeHighNext = !writeHighNext;
            }
        }
    }

    private void load(int count, long now) {
        written = count;
        armed = true;
        switch (mode()) {
            case MODE_TERMINAL_COUNT, MODE_SOFTWARE_STROBE -> {
                start(now + 1);
                if (!gate) freeze(now);
            }
            case MODE_RATE, MODE_SQUARE -> {
                if (!counting) {
                    start(now + 1);
                    if (!gate) freeze(now);
                } else if (!frozen) { // else the gate will load it
                    nextPeriod = periodOf(written);
                    nextStart = endOfCycle(now);
                }
            }
            default -> {} // modes 1 and 5 wait for the gate
        }
    }

    void gate(boolean level, long now) {
        if (level == gate) return;
        settle(now);
        gate = level;
        if (level) gateRises(now);
        else if (counting && !strobedByGate()) freeze(now);
    }

    boolean gate() {
        return gate;
    }

    private void gateRises(long now) {
        if (periodic() || strobedByGate()) {
            if (armed) start(now + 1);
        } else if (frozen) {
            frozen = false;
            start = now - frozenElapsed;
        }
    }

    private boolean strobedByGate() {
        return mode() == MODE_ONE_SHOT || mode() == MODE_HARDWARE_STROBE;
    }

    private void start(long at) {
        start = at;
        period = periodOf(written);
        counting = true;
        frozen = false;
        nextPeriod = 0;
    }

    private void freeze(long now) {
        frozenElapsed = Math.max(0, now - start); // a load that is to come comes without the gate
        frozen = true;
    }

    private int periodOf(int count) {
        if (!bcd()) return count == 0 ? 0x1_0000 : count;
        int decimal = 1000 * (count >> 12) + 100 * ((count >> 8) & 0xf) + 10 * ((count >> 4) & 0xf) + (count & 0xf);
        return decimal == 0 ? 10_000 : decimal;
    }

    // ---- time

    /** Loads a new count that waited for the end of a cycle. */
    private void settle(long now) {
        if (nextPeriod == 0 || frozen || now < nextStart) return;
        start = startOfNext();
        period = nextPeriod;
        nextPeriod = 0;
    }

    /** Returns when a new count starts; in mode 3 it may begin with its low half. */
    private long startOfNext() {
        boolean lowHalfComes = mode() == MODE_SQUARE && (nextStart - start) % period != 0;
        return lowHalfComes ? nextStart - highClocks(nextPeriod) : nextStart;
    }

    private long elapsed(long now) {
        return frozen ? frozenElapsed : now - start;
    }

    private static int highClocks(int period) {
        return (period + 1) / 2;
    }

    /**
     * Returns the end of the cycle that is running at {@code now}; in mode 3 the end of the half
     * cycle.
     */
    private long endOfCycle(long now) {
        long elapsed = Math.max(0, now - start);
        long cycle = start + elapsed - elapsed % period;
        boolean inHighHalf = mode() == MODE_SQUARE && period > 1 && elapsed % period < highClocks(period);
        return cycle + (inHighHalf ? highClocks(period) : period);
    }

    boolean output(long now) {
        settle(now);
        if (!counting) return mode() != MODE_TERMINAL_COUNT;
        long elapsed = elapsed(now);
        return switch (mode()) {
            case MODE_TERMINAL_COUNT -> elapsed >= period;
            case MODE_ONE_SHOT -> elapsed < 0 || elapsed >= period;
            case MODE_RATE -> frozen || elapsed < 0 || elapsed % period != period - 1;
            case MODE_SQUARE -> frozen || elapsed < 0 || elapsed % period < highClocks(period);
            default -> elapsed != period; // strobes
        };
    }

    /**
     * Returns the first clock after {@code now} at which the output rises without further
     * programming, or {@link #NEVER}.
     */
    long nextRise(long now) {
        settle(now);
        if (!counting || frozen) return NEVER;
        return switch (mode()) {
            case MODE_TERMINAL_COUNT, MODE_ONE_SHOT -> later(start + period, now);
            case MODE_RATE, MODE_SQUARE -> nextCycle(now);
            default -> later(start + period + 1, now);
        };
    }

    private static long later(long rise, long now) {
        return rise > now ? rise : NEVER;
    }

    private long nextCycle(long now) {
        if (nextPeriod != 0) {
            long first = startOfNext();
            return first == nextStart ? first : first + nextPeriod;
        }
        return now < start ? start + period : start + ((now - start) / period + 1) * period;
    }

    private int count(long now) {
        settle(now);
        if (!counting) return 0; // the data sheet leaves it open
        long elapsed = Math.max(0, elapsed(now));
        int wrap = bcd() ? 10_000 : 0x1_0000;
        long count = switch (mode()) {
            case MODE_RATE -> period - elapsed % period;
            case MODE_SQUARE -> squareCount((int) (elapsed % period));
            default -> period - elapsed;
        };
        int binary = (int) Math.floorMod(count, (long) wrap);
        return bcd() ? toBcd(binary) : binary;
    }

    /** Counts down by two in each half; an odd count begins one lower. */
    private int squareCount(int phase) {
        int high = highClocks(period);
        int inHalf = phase < high ? phase : phase - high;
        return (period & ~1) - 2 * inHalf;
    }

    private static int toBcd(int number) {
        return ((number / 1000) << 12) | ((number / 100 % 10) << 8) | ((number / 10 % 10) << 4) | (number % 10);
    }

    // ---- reading

    void latchCount(long now) {
        if (latchedCount == NOT_LATCHED) latchedCount = count(now);
    }

    void latchStatus(long now) {
        if (latchedStatus != NOT_LATCHED) return;
        boolean output = output(now);
        boolean nullCount = !armed || !counting || now < start || nextPeriod != 0;
        latchedStatus = control | (output ? STATUS_OUTPUT : 0) | (nullCount ? STATUS_NULL_COUNT : 0);
    }

    int read(long now) {
        if (latchedStatus != NOT_LATCHED) {
            int status = latchedStatus;
            latchedStatus = NOT_LATCHED;
            return status;
        }
        int count = latchedCount == NOT_LATCHED ? count(now) : latchedCount;
        boolean high = access() == ACCESS_HIGH || (access() == ACCESS_LOW_HIGH && readHighNext);
        if (access() == ACCESS_LOW_HIGH) readHighNext = !readHighNext;
        if (!readHighNext) latchedCount = NOT_LATCHED; // its last byte is read
        return high ? count >> 8 : count & 0xff;
    }

    // ---- state

    void save(DeviceState to, String prefix) {
        to.put(prefix + "control", control)
                .put(prefix + "gate", gate)
                .put(prefix + "written", written)
                .put(prefix + "firstByte", firstByte)
                .put(prefix + "writeHighNext", writeHighNext)
                .put(prefix + "armed", armed)
                .put(prefix + "counting", counting)
                .put(prefix + "start", start)
                .put(prefix + "period", period)
                .put(prefix + "frozen", frozen)
                .put(prefix + "frozenElapsed", frozenElapsed)
                .put(prefix + "nextPeriod", nextPeriod)
                .put(prefix + "nextStart", nextStart)
                .put(prefix + "readHighNext", readHighNext)
                .put(prefix + "latchedCount", latchedCount)
                .put(prefix + "latchedStatus", latchedStatus);
    }

    void restore(DeviceState from, String prefix) {
        control = from.integer(prefix + "control") & 0x3f;
        gate = from.flag(prefix + "gate");
        written = from.integer(prefix + "written") & 0xffff;
        firstByte = from.integer(prefix + "firstByte") & 0xff;
        writeHighNext = from.flag(prefix + "writeHighNext");
        armed = from.flag(prefix + "armed");
        counting = from.flag(prefix + "counting");
        start = from.number(prefix + "start");
        period = Math.clamp(from.number(prefix + "period"), 1, 0x1_0000);
        frozen = from.flag(prefix + "frozen");
        frozenElapsed = Math.max(0, from.number(prefix + "frozenElapsed"));
        nextPeriod = Math.clamp(from.number(prefix + "nextPeriod"), 0, 0x1_0000);
        nextStart = from.number(prefix + "nextStart");
        readHighNext = from.flag(prefix + "readHighNext");
        latchedCount = from.integer(prefix + "latchedCount");
        latchedStatus = from.integer(prefix + "latchedStatus");
    }
}
