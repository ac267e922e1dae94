package dev.microvm.devices.irqchip;

import static dev.microvm.devices.irqchip.IoApicRegisters.*;

import dev.microvm.bus.BusDevice;
import dev.microvm.irq.IrqLine;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.Arrays;
import java.util.Objects;

/**
 * An IOAPIC: 4 KiB of memory-mapped registers, on a PC at 0xfec00000. It turns the levels of its
 * pins into messages to local APICs. Any thread may call.
 *
 * <p>A high line asserts its interrupt, regardless of the polarity that the guest programs. Not
 * emulated: the serial bus of the 82093AA; therefore delivery status is always idle.
 */
public final class IoApic implements BusDevice, Stateful {
    /** Size of its range in bytes. */
    public static final int RANGE = 0x1000;

    /** Number of pins of an IOAPIC of a PC. */
    public static final int PC_PINS = 24;

    private static final String STATE_TYPE = "ioapic";
    private static final int STATE_VERSION = 1;
    private static final int MOST_PINS = 120; // as many as indices 0x10 to 0xff address

    private final MsiSink sink;
    private final int firstId;
    private final long[] table;
    private final boolean[] lines;
    private int id;
    private int index;

    /**
     * Makes an IOAPIC with all pins masked.
     *
     * @param sink receives its messages
     * @param id initial APIC ID, 0 to 15; the guest may change it
     * @param pins number of pins, 1 to 120; {@link #PC_PINS} on a PC
     * @throws IllegalArgumentException for another number of pins
     */
    public IoApic(MsiSink sink, int id, int pins) {
        if (pins < 1 || pins > MOST_PINS) throw new IllegalArgumentException("pins: 1 to 120, was " + pins);
        this.sink = Objects.requireNonNull(sink, "sink");
        this.firstId = id & ID_MASK;
        this.id = firstId;
        this.table = new long[pins];
        this.lines = new boolean[pins];
        Arrays.fill(table, MASKED);
    }

    /**
     * Returns the line of a pin.
     *
     * @param pin number of the pin, from 0
     * @throws IllegalArgumentException if there is no such pin
     */
    public IrqLine pin(int pin) {
        if (pin < 0 || pin >= table.length) {
            throw new IllegalArgumentException("pin %d: must be 0 to %d".formatted(pin, table.length - 1));
        }
        return level -> setPin(pin, level);
    }

    /**
     * Handles the end of a level-triggered interrupt: a local APIC sent an EOI for this vector, 0
     * to 255.
     */
    public synchronized void endOfInterrupt(int vector) {
        for (int pin = 0; pin < table.length; pin++) {
            if ((table[pin] & REMOTE_IRR) == 0 || (table[pin] & VECTOR) != vector) continue;
            table[pin] &= ~REMOTE_IRR;
            deliverLevel(pin);
        }
    }

    private synchronized void setPin(int pin, boolean level) {
        boolean rises = level && !lines[pin];
        lines[pin] = level;
        if ((table[pin] & LEVEL_TRIGGERED) != 0) {
            deliverLevel(pin);
        } else if (rises && (table[pin] & MASKED) == 0) { // an edge on a masked pin is lost: section 3.2.4, bit 16
            sink.edge(pin, address(table[pin]), data(table[pin]));
        }
    }

    private void deliverLevel(int pin) {
        long entry = table[pin];
        boolean waits = lines[pin] && (entry & (LEVEL_TRIGGERED | MASKED | REMOTE_IRR)) == LEVEL_TRIGGERED;
        if (!waits) return;
        table[pin] |= REMOTE_IRR;
        sink.signal(address(entry), data(entry));
    }

    private static long address(long entry) {
        long destination = entry >>> DESTINATION_SHIFT;
        return MSI_ADDRESS
                | (destination << MSI_DESTINATION_SHIFT)
                | ((entry & LOGICAL_DESTINATION) != 0 ? MSI_LOGICAL : 0);
    }

    private static int data(long entry) {
        long mode = (entry >> DELIVERY_MODE_SHIFT) & DELIVERY_MODE;
        boolean level = (entry & LEVEL_TRIGGERED) != 0;
        return (int) ((entry & VECTOR) | (mode << DELIVERY_MODE_SHIFT)) | (level ? MSI_LEVEL | MSI_ASSERT : 0);
    }

    // ---- registers

    @Override
    public synchronized long read(long offset, int size) {
        if (offset == IOREGSEL) return index;
        return offset == IOWIN ? readIndexed() : 0;
    }

    @Override
    public void write(long offset, int size, long value) {
        int word = (int) value;
        synchronized (this) {
            if (offset == IOREGSEL) index = word & 0xff;
            else if (offset == IOWIN) writeIndexed(word);
            else if (offset == EOIR) endOfInterrupt(word & 0xff);
        }
    }

    private long readIndexed() {
        int pin = (index - IOREDTBL) / 2;
        if (index >= IOREDTBL && pin < table.length) {
            return index % 2 == 0 ? table[pin] & 0xffff_ffffL : table[pin] >>> Integer.SIZE;
        }
        return switch (index) {
            case IOAPICID, IOAPICARB -> (long) id << ID_SHIFT;
            case IOAPICVER -> VERSION | ((table.length - 1L) << MAX_ENTRY_SHIFT);
            default -> 0;
        };
    }

    private void writeIndexed(int word) {
        int pin = (index - IOREDTBL) / 2;
        if (index >= IOREDTBL && pin < table.length) {
            long bits = Integer.toUnsignedLong(word);
            long entry = table[pin];
            writeEntry(
                    pin,
                    index % 2 == 0 ? (entry & ~0xffff_ffffL) | bits : (entry & 0xffff_ffffL) | (bits << Integer.SIZE));
        } else if (index == IOAPICID) {
            id = (word >>> ID_SHIFT) & ID_MASK;
        }
    }

    private void writeEntry(int pin, long value) {
        long entry = (value & WRITABLE) | (table[pin] & REMOTE_IRR);
        if ((entry & LEVEL_TRIGGERED) == 0)
            entry &= ~REMOTE_IRR; // Linux clears a stuck one by a turn as edge-triggered
        table[pin] = entry;
        sink.route(pin, (entry & MASKED) != 0, address(entry), data(entry));
        deliverLevel(pin);
    }

    /** Resets as the reset pin does. Lines keep their levels. */
    public synchronized void reset() {
        id = firstId;
        index = 0;
        for (int pin = 0; pin < table.length; pin++) {
            table[pin] = 0;
            writeEntry(pin, MASKED);
        }
    }

    @Override
    public synchronized DeviceState save() {
        DeviceState state = new DeviceState(STATE_TYPE, STATE_VERSION)
                .put("id", id)
                .put("index", index)
                .put("pins", table.length);
        for (int pin = 0; pin < table.length; pin++) {
            state.put("entry" + pin, table[pin]).put("line" + pin, lines[pin]);
        }
        return state;
    }

    /**
     * Restores a state of an IOAPIC with the same number of pins, and reports its routes to the
     * sink.
     */
    @Override
    public synchronized void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        if (state.integer("pins") != table.length) {
            throw new IllegalArgumentException(
                    "state of %d pins given to an IOAPIC of %d".formatted(state.integer("pins"), table.length));
        }
        id = state.integer("id") & ID_MASK;
        index = state.integer("index") & 0xff;
        for (int pin = 0; pin < table.length; pin++) {
            table[pin] = state.number("entry" + pin) & (WRITABLE | REMOTE_IRR);
            lines[pin] = state.flag("line" + pin);
            sink.route(pin, (table[pin] & MASKED) != 0, address(table[pin]), data(table[pin]));
        }
    }
}
