package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicRegisters.*;
import static dev.microvm.hypervisor.MsrNumbers.IA32_APIC_BASE;

import dev.microvm.testing.ManualClock;
import java.util.ArrayList;
import java.util.List;

/**
 * A few local APICs on one bus, on a clock that is stepped by hand, with a time-stamp counter of 2
 * GHz.
 */
final class ApicMachine {
    static final int SOFTWARE_ENABLED = SVR_ENABLE | 0xff;

    final ManualClock clock = new ManualClock();
    final List<Integer> ends = new ArrayList<>();
    final LocalApics bus = new LocalApics(ends::add);
    final int[] wakes;
    private final LocalApic[] apics;

    /** Makes APICs 0 to {@code count - 1}, enabled by software. */
    ApicMachine(int count) {
        apics = new LocalApic[count];
        wakes = new int[count];
        for (int i = 0; i < count; i++) {
            int index = i;
            apics[i] = bus.add(i, clock, tsc -> tsc >>> 1, () -> wakes[index]++);
            write(i, SVR, SOFTWARE_ENABLED);
        }
    }

    LocalApic apic(int id) {
        return apics[id];
    }

    int read(int id, int register) {
        return (int) apics[id].read(register, Integer.BYTES);
    }

    void write(int id, int register, int value) {
        apics[id].write(register, Integer.BYTES, Integer.toUnsignedLong(value));
    }

    /** Sends an interprocessor interrupt in xAPIC mode. */
    void command(int sender, int destination, int command) {
        write(sender, ICR_HIGH, destination << XAPIC_ID_SHIFT);
        write(sender, ICR, command);
    }

    void x2Apic(int id) {
        LocalApic apic = apics[id];
        if (!apic.writeMsr(IA32_APIC_BASE, apic.apicBase() | BASE_EXTD)) throw new AssertionError("x2APIC refused");
    }

    static int msr(int register) {
        return X2APIC_FIRST + register / REGISTER_STRIDE;
    }
}
