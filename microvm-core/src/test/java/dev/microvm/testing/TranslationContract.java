package dev.microvm.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tests of {@link Vcpu#translate} for every hypervisor. The tests of each implementation extend it.
 */
@Timeout(60)
public abstract class TranslationContract {
    // Page-table entries: Intel SDM vol. 3A, tables 4-15 to 4-20
    private static final long PRESENT = 1 << 0;
    private static final long WRITABLE = 1 << 1;
    private static final long USER = 1 << 2;
    protected static final long ACCESSED = 1 << 5;
    private static final long LARGE_PAGE = 1 << 7;
    private static final int ENTRY_SIZE = 8;

    // Tables of the upper half of the address space; startLong() uses 0x80000 to 0x85fff and the lower half
    private static final long ROOT = 0x8_0000;
    private static final long POINTERS = 0x9_0000;
    private static final long DIRECTORY = 0x9_1000;
    private static final long TABLE = 0x9_2000;

    private static final long UPPER_HALF = 0xffff_8000_0000_0000L;
    private static final int UPPER_HALF_INDEX = 256;
    private static final long PAGE = 0x5000;
    private static final long MIB = 1 << 20;

    /** Returns the implementation under test. */
    protected abstract Hypervisor hypervisor();

    /** Returns the bits that a translation sets in the page-table entries it uses. */
    protected abstract long usedBits();

    private TinyGuest guest() {
        return new TinyGuest(hypervisor(), InterruptMode.SPLIT, "spin");
    }

    /**
     * Makes a guest that maps the first 2 MiB of the upper half by small pages, of which only the
     * second is present, and the next 2 MiB by a large page.
     */
    private TinyGuest guestWithUpperHalf() {
        TinyGuest guest = guest().startLong();
        guest.memory().putLong(ROOT + UPPER_HALF_INDEX * ENTRY_SIZE, POINTERS | WRITABLE | PRESENT);
        guest.memory().putLong(POINTERS, DIRECTORY | WRITABLE | PRESENT);
        guest.memory().putLong(DIRECTORY, TABLE | WRITABLE | PRESENT);
        guest.memory().putLong(DIRECTORY + ENTRY_SIZE, 6 * MIB | LARGE_PAGE | WRITABLE | PRESENT);
        guest.memory().putLong(TABLE + ENTRY_SIZE, PAGE | PRESENT);
        return guest;
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 0x1234, 0xfee0_0010L})
    void returnsTheAddressItself_whenPagingIsOff(long address) {
        try (TinyGuest guest = guest().startProtected()) {
            assertThat(guest.vcpu().translate(address)).isEqualTo(address);
        }
    }

    @Test
    void translates_inASmallPage() {
        try (TinyGuest guest = guestWithUpperHalf()) {
            assertThat(guest.vcpu().translate(UPPER_HALF + 0x1abc)).isEqualTo(PAGE + 0xabc);
        }
    }

    @Test
    void translates_inALargePage_evenWhereThereIsNoMemory() {
        try (TinyGuest guest = guestWithUpperHalf()) {
            assertThat(guest.vcpu().translate(UPPER_HALF + 3 * MIB + 5)).isEqualTo(7 * MIB + 5);
        }
    }

    @Test
    void translatesAPageOfUserMode_asOneOfSupervisorMode() {
        try (TinyGuest guest = guestWithUpperHalf()) {
            guest.memory().putLong(TABLE + 2 * ENTRY_SIZE, PAGE | USER | PRESENT);
            assertThat(guest.vcpu().translate(UPPER_HALF + 0x2abc)).isEqualTo(PAGE + 0xabc);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {UPPER_HALF + 0x2000, UPPER_HALF + 4 * MIB, UPPER_HALF + (1L << 30), -8})
    void returnsNotMapped_whenAnEntryOnTheWayIsNotPresent(long address) {
        try (TinyGuest guest = guestWithUpperHalf()) {
            assertThat(guest.vcpu().translate(address)).isEqualTo(Vcpu.NOT_MAPPED);
        }
    }

    @Test
    void seesTheTablesAsTheyAreNow() {
        try (TinyGuest guest = guestWithUpperHalf()) {
            assertThat(guest.vcpu().translate(UPPER_HALF + 0x1000)).isEqualTo(PAGE);
            guest.memory().putLong(TABLE + ENTRY_SIZE, 2 * PAGE | PRESENT);
            assertThat(guest.vcpu().translate(UPPER_HALF + 0x1000)).isEqualTo(2 * PAGE);
        }
    }

    @Test
    void changesNothing_butThoseBits() {
        try (TinyGuest guest = guestWithUpperHalf()) {
            Registers registers = guest.vcpu().registers();
            SpecialRegisters special = guest.vcpu().specialRegisters();
            guest.vcpu().translate(UPPER_HALF + 0x1abc);
            guest.vcpu().translate(UPPER_HALF);
            assertThat(guest.memory().getLong(TABLE + ENTRY_SIZE)).isEqualTo(PAGE | PRESENT | usedBits());
            assertThat(guest.vcpu().registers()).isEqualTo(registers);
            assertThat(guest.vcpu().specialRegisters()).isEqualTo(special);
        }
    }
}
