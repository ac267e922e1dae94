package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.*;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/**
 * String instructions that meet devices and faults half way: Intel SDM vol. 1, 7.3.9, and vol. 2,
 * REP.
 */
final class StringIoTest extends SystemTest {
    private static final long MMIO = 0xD000_0000L;
    private static final int PORT = 0x500;

    /** 1 GiB pages up to 4 GiB, so that devices can be reached. */
    private SystemGuest guest() {
        SystemGuest guest = long64();
        for (int gib = 1; gib < 4; gib++) guest.memory().putLong(POINTERS + gib * 8L, (long) gib << 30 | ALL | LARGE);
        return guest;
    }

    @Test
    void keepsWhatWasDone_whenAnInputFaults() {
        SystemGuest guest = guest().map(DATA + 0x1000, 0).answers(nth -> 0x10 + nth);
        guest.with(r -> r.withRcx(8).withRdi(DATA + 0xFFA).withRdx(PORT));
        End end = guest.run("""
                // .code64
                66 f3 6d // rep insw
                """);
        assertThat(end).hasToString(fault(PF, PF_WRITE, CODE));
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(5);
        assertThat(guest.vcpu().registers().rdi()).isEqualTo(DATA + 0x1000);
        assertThat(guest.memory().getShort(DATA + 0xFFE)).isEqualTo(0x12);
    }

    /** The port is not read before it is sure that the item can be stored. */
    @Test
    void readsNoPort_whenTheItemCannotBeStored() {
        SystemGuest guest = guest().map(DATA, 0).answers(nth -> {
            throw new AssertionError("read");
        });
        guest.with(r -> r.withRdi(DATA).withRdx(PORT));
        assertThat(guest.run("""
                // .code64
                6c // insb
                """)).hasToString(fault(PF, PF_WRITE, CODE));
    }

    @Test
    void keepsWhatWasDone_whenAnOutputFaults() {
        SystemGuest guest = guest().map(DATA + 0x1000, 0);
        guest.memory().putInt(DATA + 0xFFC, 0x0403_0201);
        guest.with(r -> r.withRcx(8).withRsi(DATA + 0xFFC).withRdx(PORT));
        End end = guest.run("""
                // .code64
                f3 6e // rep outsb
                """);
        assertThat(end).hasToString(fault(PF, 0, CODE));
        assertThat(guest.written()).containsExactly(1L, 2L, 3L, 4L);
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(4);
    }

    @Test
    void copiesToADevice_itemByItem() {
        SystemGuest guest = guest();
        guest.memory().putLong(DATA, 0x8877_6655_4433_2211L);
        guest.with(r -> r.withRcx(2).withRsi(DATA).withRdi(MMIO)).run("""
                // .code64
                f3 a5 // rep movsl
                e6 f4 // out %al, $0xf4
                """);
        assertThat(guest.written()).containsExactly(0x4433_2211L, 0x8877_6655L);
    }

    @Test
    void copiesFromADevice_itemByItem() {
        SystemGuest guest = guest().answers(nth -> 0x40 + nth);
        guest.with(r -> r.withRcx(3).withRsi(MMIO).withRdi(DATA)).run("""
                // .code64
                f3 a4 // rep movsb
                e6 f4 // out %al, $0xf4
                """);
        assertThat(guest.memory().getInt(DATA)).isEqualTo(0x42_4140);
    }

    @Test
    void fillsADevice() {
        SystemGuest guest = guest();
        guest.with(r -> r.withRcx(2).withRdi(MMIO).withRax(0x1234)).run("""
                // .code64
                66 f3 ab // rep stosw
                e6 f4    // out %al, $0xf4
                """);
        assertThat(guest.written()).containsExactly(0x1234L, 0x1234L);
    }

    @Test
    void keepsWhatWasDone_whenACopyFaults() {
        SystemGuest guest = guest().map(DATA + 0x2000, 0);
        End end = guest.with(r -> r.withRcx(0x4000).withRsi(CODE).withRdi(DATA + 0x800))
                .run("""
                // .code64
                f3 a4 // rep movsb
                """);
        assertThat(end).hasToString(fault(PF, PF_WRITE, CODE));
        assertThat(guest.vcpu().registers().rdi()).isEqualTo(DATA + 0x2000);
    }

    @Test
    void changesADevice_byReadAndWrite() {
        SystemGuest guest = guest().answers(nth -> 5);
        guest.with(r -> r.withRbx(MMIO)).run("""
                // .code64
                f0 83 03 02 // lock addl $2, (%rbx)
                66 83 03 03 // addw $3, (%rbx)
                e6 f4       // out %al, $0xf4
                """);
        assertThat(guest.written()).containsExactly(7L, 8L);
    }

    @Test
    void copiesBackwards() {
        SystemGuest guest = guest();
        guest.memory().putInt(DATA, 0x0403_0201);
        guest.with(r -> r.withRcx(4).withRsi(DATA + 3).withRdi(DATA + 5)).run("""
                // .code64
                fd    // std
                f3 a4 // rep movsb
                e6 f4 // out %al, $0xf4
                """);
        assertThat(guest.memory().getInt(DATA + 2)).isEqualTo(0x0403_0201);
    }

    /** A copy onto itself, a byte further, repeats the first byte. */
    @Test
    void repeatsAPattern_whenACopyOverlaps() {
        SystemGuest guest = guest();
        guest.memory().putByte(DATA, 0x5A);
        guest.with(r -> r.withRcx(7).withRsi(DATA).withRdi(DATA + 1)).run("""
                // .code64
                f3 a4 // rep movsb
                e6 f4 // out %al, $0xf4
                """);
        assertThat(guest.memory().getLong(DATA)).isEqualTo(0x5A5A_5A5A_5A5A_5A5AL);
    }
}
