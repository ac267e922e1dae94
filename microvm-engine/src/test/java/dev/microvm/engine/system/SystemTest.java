package dev.microvm.engine.system;

import dev.microvm.engine.EngineHypervisor;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.testing.Lanes;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;

/**
 * What the tests of this package share: guests that are closed after each test, vectors, error
 * codes.
 */
@Timeout(60)
abstract class SystemTest {
    // Vectors: Intel SDM vol. 3A, table 6-1
    static final int DE = 0;
    static final int DB = 1;
    static final int NMI = 2;
    static final int BP = 3;
    static final int OF = 4;
    static final int BR = 5;
    static final int UD = 6;
    static final int NM = 7;
    static final int DF = 8;
    static final int TS = 10;
    static final int NP = 11;
    static final int SS = 12;
    static final int GP = 13;
    static final int PF = 14;
    static final int AC = 17;

    // Bits of error codes: Intel SDM vol. 3A, figures 6-7 and 4-12
    static final int EXTERNAL = 1;
    static final int IN_IDT = 2;
    static final int PF_PRESENT = 1;
    static final int PF_WRITE = 2;
    static final int PF_USER = 4;
    static final int PF_RESERVED = 8;
    static final int PF_FETCH = 16;

    // Access bytes of gates: Intel SDM vol. 3A, figure 6-2
    static final int GATE = 0x8E;
    static final int USER_GATE = 0xEE;
    static final int USER_TRAP_GATE = 0xEF;

    private final List<SystemGuest> guests = new ArrayList<>();

    @AfterEach
    final void closeGuests() {
        guests.forEach(SystemGuest::close);
    }

    final SystemGuest real16() {
        return guest(InterruptMode.USERSPACE, SystemGuest.Mode.REAL);
    }

    final SystemGuest protected32() {
        return guest(InterruptMode.USERSPACE, SystemGuest.Mode.PROTECTED);
    }

    final SystemGuest long64() {
        return guest(InterruptMode.USERSPACE, SystemGuest.Mode.LONG);
    }

    /** 64-bit mode with a local APIC. */
    final SystemGuest long64WithApic() {
        return guest(InterruptMode.SPLIT, SystemGuest.Mode.LONG);
    }

    private SystemGuest guest(InterruptMode interrupts, SystemGuest.Mode mode) {
        SystemGuest made = new SystemGuest(hypervisor(), interrupts, mode);
        guests.add(made);
        return made;
    }

    /**
     * The engine; with {@code -Dmicrovm.systemTests=kvm} the host's KVM, to see whether tests ask
     * for what processors do.
     */
    private static Hypervisor hypervisor() {
        return System.getProperty("microvm.systemTests", "engine").equals("kvm") ? Lanes.kvm() : new EngineHypervisor();
    }

    /** What an exception with an error code looks like. */
    static String fault(int vector, int error, long rip) {
        return new End(vector, error, rip, 0, 0).toString();
    }

    /** What an exception or interrupt without an error code looks like. */
    static String event(int vector, long rip) {
        return fault(vector, End.NO_ERROR, rip);
    }
}
