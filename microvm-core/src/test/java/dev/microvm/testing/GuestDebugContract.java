package dev.microvm.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.Breakpoint;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.DebugEvent;
import dev.microvm.hypervisor.DebugRegisters;
import dev.microvm.hypervisor.GuestDebug;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.VcpuExit;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Tests of guest debugging for every hypervisor with {@link Capability#GUEST_DEBUG}. The tests of
 * each implementation extend it.
 */
@Timeout(60)
public abstract class GuestDebugContract {
    private static final long START = TinyGuest.ORIGIN;
    private static final long MOVE = START + 1;
    private static final long INT3 = START + 6;
    private static final long STORE = START + 7;
    private static final long END = START + 12;
    private static final long DATA = 0x2000;

    private static final byte[] PROGRAM = HexFormat.of()
            .parseHex(
                    "" //
                            + "90" // nop
                            + "b801000000" // mov $1, %eax
                            + "cc" // int3
                            + "a300200000" // mov %eax, 0x2000
                            + "e6f4"); // out %al, $0xf4

    /** Returns the implementation under test. */
    protected abstract Hypervisor hypervisor();

    /** Skips a test that needs a processor that executes the guest, if this host has none. */
    protected void assumeProcessorRunsGuests() {}

    private TinyGuest guest(GuestDebug wanted) {
        TinyGuest guest = new TinyGuest(hypervisor(), InterruptMode.SPLIT, "spin").startProtected();
        assertThat(guest.vm().supports(Capability.GUEST_DEBUG)).isTrue();
        guest.memory().write(START, PROGRAM);
        guest.vcpu().debug(wanted);
        return guest;
    }

    private static TinyGuest from(long rip, TinyGuest guest) {
        guest.vcpu().registers(guest.vcpu().registers().withRip(rip));
        return guest;
    }

    @Test
    void stopsAfterEachInstruction() {
        try (TinyGuest guest = guest(new GuestDebug(true, false, List.of()))) {
            assertThat(guest.run()).isEqualTo(VcpuExit.DEBUG);
            assertThat(guest.vcpu().debugEvent()).isEqualTo(new DebugEvent(MOVE, false, true, 0));
            assertThat(guest.run()).isEqualTo(VcpuExit.DEBUG);
            assertThat(guest.vcpu().debugEvent()).isEqualTo(new DebugEvent(INT3, false, true, 0));
            assertThat(guest.vcpu().registers().rip()).isEqualTo(INT3);
            assertThat(guest.vcpu().registers().rax()).isEqualTo(1);
        }
    }

    @Test
    void stopsAtInt3() {
        assumeProcessorRunsGuests();
        try (TinyGuest guest = guest(new GuestDebug(false, true, List.of()))) {
            assertThat(guest.run()).isEqualTo(VcpuExit.DEBUG);
            assertThat(guest.vcpu().debugEvent()).isEqualTo(new DebugEvent(INT3, true, false, 0));
            assertThat(guest.vcpu().registers().rip()).isEqualTo(INT3);
        }
    }

    @Test
    void stopsBeforeAnInstruction() {
        Breakpoint elsewhere = Breakpoint.at(DATA);
        try (TinyGuest guest = guest(new GuestDebug(false, false, List.of(elsewhere, Breakpoint.at(MOVE))))) {
            assertThat(guest.run()).isEqualTo(VcpuExit.DEBUG);
            assertThat(guest.vcpu().debugEvent()).isEqualTo(new DebugEvent(MOVE, false, false, 0b10));
            assertThat(guest.vcpu().registers().rax()).isZero();
        }
    }

    @Test
    void stopsAfterAWrite() {
        assumeProcessorRunsGuests();
        Breakpoint watch = new Breakpoint(Breakpoint.Kind.WRITE, DATA, 4);
        try (TinyGuest guest = from(STORE, guest(new GuestDebug(false, false, List.of(watch))))) {
            assertThat(guest.run()).isEqualTo(VcpuExit.DEBUG);
            assertThat(guest.vcpu().debugEvent()).isEqualTo(new DebugEvent(END, false, false, 0b1));
        }
    }

    @Test
    void leavesTheGuestItsDebugRegisters() {
        DebugRegisters own = new DebugRegisters(MOVE, 0, 0, 0, 0xffff_0ff0L, 0x401);
        try (TinyGuest guest = guest(new GuestDebug(false, false, List.of(Breakpoint.at(STORE))))) {
            guest.vcpu().debugRegisters(own);
            assertThat(from(STORE, guest).run()).isEqualTo(VcpuExit.DEBUG);
            assertThat(guest.vcpu().debugRegisters()).isEqualTo(own);
        }
    }

    @Test
    void continues_whenDebuggingIsTurnedOff() {
        try (TinyGuest guest = from(STORE, guest(new GuestDebug(true, true, List.of(Breakpoint.at(STORE)))))) {
            assertThat(guest.run()).isEqualTo(VcpuExit.DEBUG);
            guest.vcpu().debug(GuestDebug.OFF);
            assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
            assertThat(guest.handler().exitCode()).isZero();
        }
    }
}
