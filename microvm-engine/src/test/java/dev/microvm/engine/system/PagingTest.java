package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.*;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_AM;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PCIDE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PGE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PSE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_SMAP;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_SMEP;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_NXE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.SpecialRegisters;
import org.junit.jupiter.api.Test;

/** Page tables: Intel SDM vol. 3A, chapter 4. */
final class PagingTest extends SystemTest {
    private static final long SECOND = DATA + 0x1000;
    private static final long OTHER = 0x10_0000;
    private static final long NEXT_CODE = CODE + 0x1000;

    private static final String LOAD = """
            // .code64
            48 8b 04 25 00 00 03 00 // mov 0x30000, %rax
            e6 f4                   // out %al, $0xf4
            """;
    private static final String STORE = """
            // .code64
            48 89 04 25 00 00 03 00 // mov %rax, 0x30000
            e6 f4                   // out %al, $0xf4
            """;

    private static long cr2(SystemGuest guest) {
        return guest.vcpu().specialRegisters().cr2();
    }

    // Error codes: 4.7

    @Test
    void saysWhatAccessFailed_whenAPageIsNotThere() {
        SystemGuest guest = long64().map(DATA, 0);
        assertThat(guest.run(LOAD)).hasToString(fault(PF, 0, CODE));
        assertThat(cr2(guest)).isEqualTo(DATA);
        assertThat(long64().map(DATA, 0).run(STORE)).hasToString(fault(PF, PF_WRITE, CODE));
        assertThat(long64().asUser().map(DATA, 0).run(LOAD)).hasToString(fault(PF, PF_USER, CODE));
    }

    @Test
    void saysWhatAccessFailed_whenAPageIsProtected() {
        assertThat(long64().map(DATA, DATA | P | U).run(STORE)).hasToString(fault(PF, PF_PRESENT | PF_WRITE, CODE));
        assertThat(long64().asUser().map(DATA, DATA | P | W).run(LOAD))
                .hasToString(fault(PF, PF_PRESENT | PF_USER, CODE));
        assertThat(long64().asUser().map(DATA, DATA | P | U).run(STORE))
                .hasToString(fault(PF, PF_PRESENT | PF_USER | PF_WRITE, CODE));
    }

    /** 4.6: every level must allow it. */
    @Test
    void combinesTheRightsOfAllLevels() {
        SystemGuest guest = long64().asUser();
        guest.memory().putLong(DIRECTORY + 8, (TABLE + 0x1000) | P | U);
        End end = guest.run("""
                // .code64
                89 04 25 00 00 20 00 // mov %eax, 0x200000
                """);
        assertThat(end).hasToString(fault(PF, PF_PRESENT | PF_USER | PF_WRITE, CODE));
    }

    /** 4.6.1: CR0.WP. */
    @Test
    void letsSupervisorsWrite_withoutWriteProtection() {
        SystemGuest guest = long64().map(DATA, DATA | P | U);
        guest.special(s -> s.withControl(s.cr0() & ~SpecialRegisters.CR0_WP, s.cr3(), s.cr4(), s.efer()));
        assertThat(guest.run(STORE)).hasToString("done");
    }

    @Test
    void heedsWriteProtection_asSoonAsItIsSet() {
        SystemGuest guest = long64().map(DATA, DATA | P | U);
        guest.special(s -> s.withControl(s.cr0() & ~SpecialRegisters.CR0_WP, s.cr3(), s.cr4(), s.efer()));
        End end = guest.run("""
                // .code64
                89 04 25 00 00 03 00 // mov %eax, 0x30000
                0f 20 c0             // mov %cr0, %rax
                0f ba e8 10          // bts $16, %eax
                0f 22 c0             // mov %rax, %cr0
                89 04 25 00 00 03 00 // mov %eax, 0x30000
                """);
        assertThat(end).hasToString(fault(PF, PF_PRESENT | PF_WRITE, CODE + 17));
    }

    /** 4.6.1 and 4.7: NX. */
    @Test
    void fetchesNoCode_whereExecutionIsDisabled() {
        SystemGuest guest = long64().map(DATA, DATA | ALL | NX).with(r -> r.withRip(DATA));
        assertThat(guest.run("")).hasToString(fault(PF, PF_PRESENT | PF_FETCH, DATA));
        assertThat(cr2(guest)).isEqualTo(DATA);
    }

    @Test
    void takesTheNxBitAsReserved_withoutNxe() {
        SystemGuest guest = long64().map(DATA, DATA | ALL | NX);
        guest.special(s -> s.withControl(s.cr0(), s.cr3(), s.cr4(), s.efer() & ~EFER_NXE));
        assertThat(guest.run(LOAD)).hasToString(fault(PF, PF_PRESENT | PF_RESERVED, CODE));
    }

    /** 4.6.1: SMEP. */
    @Test
    void fetchesNoUserCode_forSupervisors() {
        SystemGuest guest = long64().cr4(CR4_SMEP).map(HANDLERS, HANDLERS | P | W);
        assertThat(guest.run(LOAD)).hasToString(fault(PF, PF_PRESENT | PF_FETCH, CODE));
    }

    // 4.6.1: SMAP

    private static final String OPEN = """
            // .code64
            0f 01 cb // stac
            """;
    private static final String CLOSE = """
            // .code64
            0f 01 ca // clac
            """;

    /** Only code and data belong to users. */
    private SystemGuest smap() {
        return ofSupervisor(long64().cr4(CR4_SMAP));
    }

    private static SystemGuest ofSupervisor(SystemGuest guest) {
        long[] pages = {GDT, IDT, TSS, TSS + 0x1000, HANDLERS, STACK - 0x1000, INNER_STACK - 0x1000};
        for (long page : pages) guest.map(page, page | P | W);
        return guest;
    }

    @Test
    void accessesNoUserPages_forSupervisors() {
        assertThat(smap().run(LOAD)).hasToString(fault(PF, PF_PRESENT, CODE));
        assertThat(smap().run(STORE)).hasToString(fault(PF, PF_PRESENT | PF_WRITE, CODE));
        assertThat(smap().map(DATA, DATA | P | W).run(LOAD)).hasToString("done");
        assertThat(smap().asUser().run(LOAD)).hasToString("done");
    }

    @Test
    void accessesUserPages_whileAcIsSet() {
        assertThat(smap().run(OPEN + STORE)).hasToString("done");
        assertThat(smap().run(CLOSE + LOAD)).hasToString(fault(PF, PF_PRESENT, CODE + 3));
        assertThat(smap().run(OPEN + LOAD.replace("e6 f4                   // out %al, $0xf4\n", "") + CLOSE + LOAD))
                .hasToString(fault(PF, PF_PRESENT, CODE + 14));
        assertThat(smap().flags(SystemGuest.AC).run(LOAD)).hasToString("done");
    }

    @Test
    void takesAcFromPopf_forSupervisors() {
        assertThat(smap().flags(SystemGuest.AC).run("""
                // .code64
                9c                         // pushf
                81 24 24 ff ff fb ff       // andl $0xfffbffff, (%rsp)
                9d                         // popf
                48 8b 04 25 00 00 03 00    // mov 0x30000, %rax
                """)).hasToString(fault(PF, PF_PRESENT, CODE + 9));
    }

    @Test
    void heedsSmap_fromTheMomentThatItIsSet() {
        assertThat(ofSupervisor(long64()).run("""
                // .code64
                48 8b 04 25 00 00 03 00 // mov 0x30000, %rax
                0f 20 e0                // mov %cr4, %rax
                0f ba e8 15             // bts $0x15, %eax
                0f 22 e0                // mov %rax, %cr4
                48 8b 04 25 00 00 03 00 // mov 0x30000, %rax
                """)).hasToString(fault(PF, PF_PRESENT, CODE + 18));
    }

    /** The processor's own accesses to descriptor tables heed SMAP whatever AC is. */
    @Test
    void readsNoDescriptorsInUserPages_evenIfAcIsSet() {
        SystemGuest guest =
                smap().flags(SystemGuest.AC).with(r -> r.withRax(DATA0)).map(GDT, GDT | ALL);
        assertThat(guest.run("""
                // .code64
                8e c0 // mov %eax, %es
                """)).hasToString("shutdown"); // nor can the fault be delivered
    }

    @Test
    void refusesStacAndClac_forUsers() {
        assertThat(smap().asUser().run(OPEN).vector()).isEqualTo(UD);
        assertThat(smap().asUser().run(CLOSE).vector()).isEqualTo(UD);
    }

    @Test
    void fetchesNoSupervisorCode_forUsers() {
        SystemGuest guest = long64().asUser().map(CODE, CODE | P | W);
        assertThat(guest.run(LOAD)).hasToString(fault(PF, PF_PRESENT | PF_USER | PF_FETCH, CODE));
    }

    /** 4.5: bits beyond the physical address width. */
    @Test
    void refusesReservedBits() {
        assertThat(long64().map(DATA, DATA | ALL | 1L << 45).run(LOAD))
                .hasToString(fault(PF, PF_PRESENT | PF_RESERVED, CODE));
        assertThat(long64().map(DATA, DATA | ALL | 1L << 52).run(LOAD)).hasToString("done");
    }

    @Test
    void refusesTheLargeBit_inTheTopLevel() {
        SystemGuest guest = long64();
        guest.memory().putLong(PML4 + 8, POINTERS | ALL | LARGE);
        End end = guest.run("""
                // .code64
                a0 00 00 00 00 80 00 00 00 // movabs 0x8000000000, %al
                """);
        assertThat(end).hasToString(fault(PF, PF_PRESENT | PF_RESERVED, CODE));
    }

    // Accessed and dirty: 4.8

    @Test
    void setsAccessedBits_onAllLevels() {
        SystemGuest guest = long64();
        guest.run(LOAD);
        assertThat(guest.mapped(DATA)).isEqualTo(DATA | ALL | A);
        assertThat(guest.memory().getLong(PML4)).isEqualTo(POINTERS | ALL | A);
        assertThat(guest.memory().getLong(POINTERS)).isEqualTo(DIRECTORY | ALL | A);
        assertThat(guest.memory().getLong(DIRECTORY)).isEqualTo(TABLE | ALL | A);
        assertThat(guest.mapped(SECOND)).isEqualTo(SECOND | ALL);
    }

    @Test
    void setsTheDirtyBit_whenAPageThatWasReadIsWritten() {
        SystemGuest guest = long64();
        guest.run("""
                // .code64
                8b 04 25 00 00 03 00 // mov 0x30000, %eax
                89 04 25 00 00 03 00 // mov %eax, 0x30000
                e6 f4                // out %al, $0xf4
                """);
        assertThat(guest.mapped(DATA)).isEqualTo(DATA | ALL | A | D);
    }

    @Test
    void setsNoDirtyBit_whenTheWriteIsRefused() {
        SystemGuest guest = long64().map(DATA, DATA | P | U);
        guest.run(STORE);
        assertThat(guest.mapped(DATA) & D).isZero();
    }

    /** A comparison that fails writes its operand back: vol. 2A, CMPXCHG. */
    @Test
    void setsTheDirtyBit_byAFailedExchange() {
        SystemGuest guest = long64();
        guest.run("""
                // .code64
                b8 01 00 00 00             // mov $1, %eax
                f0 0f b1 0c 25 00 00 03 00 // lock cmpxchg %ecx, 0x30000
                e6 f4                      // out %al, $0xf4
                """);
        assertThat(guest.mapped(DATA) & D).isNotZero();
    }

    @Test
    void setsTheDirtyBitAgain_whenTheGuestClearedItAndTheTlb() {
        SystemGuest guest = long64();
        guest.run("""
                // .code64
                89 04 25 00 00 03 00    // mov %eax, 0x30000
                83 24 25 80 31 04 00 bf // andl $~0x40, 0x43180
                0f 01 3c 25 00 00 03 00 // invlpg 0x30000
                89 04 25 00 00 03 00    // mov %eax, 0x30000
                e6 f4                   // out %al, $0xf4
                """);
        assertThat(guest.mapped(DATA) & D).isNotZero();
    }

    // Page sizes: 4.3 to 4.5

    @Test
    void mapsTwoMebibytes() {
        SystemGuest guest = long64();
        guest.memory().putLong(DIRECTORY + 16, ALL | LARGE);
        guest.memory().putLong(DATA, 0x1234);
        End end = guest.run("""
                // .code64
                8b 04 25 00 00 43 00 // mov 0x430000, %eax
                89 04 25 04 00 43 00 // mov %eax, 0x430004
                e6 f4                // out %al, $0xf4
                """);
        assertThat(end).hasToString("done");
        assertThat(guest.memory().getInt(DATA + 4)).isEqualTo(0x1234);
        assertThat(guest.memory().getLong(DIRECTORY + 16)).isEqualTo(ALL | LARGE | A | D);
    }

    @Test
    void mapsOneGibibyte() {
        SystemGuest guest = long64();
        guest.memory().putLong(POINTERS + 8, ALL | LARGE);
        guest.memory().putLong(DATA, 0x1234);
        guest.run("""
                // .code64
                8b 04 25 00 00 03 40 // mov 0x40030000, %eax
                e6 f4                // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rax()).isEqualTo(0x1234);
        assertThat(guest.memory().getLong(POINTERS + 8)).isEqualTo(ALL | LARGE | A);
    }

    @Test
    void refusesReservedBits_ofLargePages() {
        SystemGuest guest = long64();
        guest.memory().putLong(DIRECTORY + 16, ALL | LARGE | 1 << 13);
        End end = guest.run("""
                // .code64
                8b 04 25 00 00 43 00 // mov 0x430000, %eax
                """);
        assertThat(end).hasToString(fault(PF, PF_PRESENT | PF_RESERVED, CODE));
    }

    /** 4.3: 32-bit paging with 4 KiB and 4 MiB. */
    @Test
    void mapsBothSizes_in32BitPaging() {
        SystemGuest guest = protected32().paging(CR4_PSE);
        guest.memory().putInt(DIRECTORY_32 + 4, (int) (ALL | LARGE));
        guest.memory().putInt(DATA, 0x1234);
        guest.run("""
                // .code32
                a1 00 00 43 00 // mov 0x430000, %eax
                a3 00 10 03 00 // mov %eax, 0x31000
                e6 f4          // out %al, $0xf4
                """);
        assertThat(guest.memory().getInt(SECOND)).isEqualTo(0x1234);
        assertThat(guest.memory().getInt(TABLE_32 + SECOND / 4096 * 4)).isEqualTo((int) (SECOND | ALL | A | D));
    }

    @Test
    void ignoresTheLargeBit_withoutPageSizeExtensions() {
        SystemGuest guest = protected32().paging(0);
        guest.memory().putInt(DIRECTORY_32, (int) (TABLE_32 | ALL | LARGE));
        assertThat(guest.run("""
                // .code32
                a1 00 00 03 00 // mov 0x30000, %eax
                e6 f4          // out %al, $0xf4
                """)).hasToString("done");
    }

    /** 4.4: PAE. */
    @Test
    void mapsPages_inPaePaging() {
        SystemGuest guest = protected32().paging(SpecialRegisters.CR4_PAE).map(DATA, SECOND | ALL);
        guest.memory().putInt(SECOND, 0x1234);
        guest.run("""
                // .code32
                a1 00 00 03 00 // mov 0x30000, %eax
                e6 f4          // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rax()).isEqualTo(0x1234);
    }

    /** 4.4.2: in PAE paging all bits above the address but NX are reserved. */
    @Test
    void refusesIgnoredBitsOfLongMode_inPaePaging() {
        SystemGuest guest = protected32().paging(SpecialRegisters.CR4_PAE).map(DATA, DATA | ALL | 1L << 52);
        End end = guest.run("""
                // .code32
                a1 00 00 03 00 // mov 0x30000, %eax
                """);
        assertThat(end).hasToString(fault(PF, PF_PRESENT | PF_RESERVED, CODE));
    }

    /** 4.4.1: a pointer with reserved bits cannot be loaded. */
    @Test
    void refusesAWrongPointer_whenCr3IsLoaded() {
        SystemGuest guest = protected32().paging(SpecialRegisters.CR4_PAE);
        guest.memory().putLong(POINTERS + 24, DIRECTORY | P | W);
        End end = guest.run("""
                // .code32
                0f 20 d8 // mov %cr3, %eax
                0f 22 d8 // mov %eax, %cr3
                """);
        assertThat(end).hasToString(fault(GP, 0, CODE + 3));
    }

    /** 4.4.1: pointers are read when CR3 is loaded, not at each use. */
    @Test
    void keepsPointers_untilCr3IsLoaded() {
        SystemGuest guest = protected32().paging(SpecialRegisters.CR4_PAE);
        End end = guest.run("""
                // .code32
                c7 05 00 10 04 00 00 00 00 00 // movl $0, 0x41000
                a1 00 00 03 00                // mov 0x30000, %eax
                0f 20 d8                      // mov %cr3, %eax
                0f 22 d8                      // mov %eax, %cr3
                90                            // nop
                """);
        assertThat(end).hasToString("shutdown");
        assertThat(guest.rip()).isEqualTo(CODE + 21);
    }

    // Canonical addresses: vol. 1, 3.3.7.1

    @Test
    void refusesAddressesThatAreNotCanonical() {
        End end = long64().run("""
                // .code64
                48 b8 00 00 00 00 00 80 00 00 // movabs $0x800000000000, %rax
                8a 00                         // mov (%rax), %al
                """);
        assertThat(end).hasToString(fault(GP, 0, CODE + 10));
    }

    @Test
    void raisesStackFault_whenTheStackIsNotCanonical() {
        End end = long64().gate(SS, CODE64, HANDLERS + SS * 4, GATE, 1).run("""
                // .code64
                48 bc 08 00 00 00 00 80 00 00 // movabs $0x800000000008, %rsp
                50                            // push %rax
                """);
        assertThat(end).hasToString(fault(SS, 0, CODE + 10));
    }

    @Test
    void refusesAJumpToWhatIsNotCanonical() {
        End end = long64().run("""
                // .code64
                48 b8 00 00 00 00 00 80 00 00 // movabs $0x800000000000, %rax
                ff e0                         // jmp *%rax
                """);
        assertThat(end.vector()).isEqualTo(GP);
        assertThat(end.error()).isZero();
    }

    // Two pages at once

    @Test
    void changesNothing_whenTheSecondPageOfAStoreIsMissing() {
        SystemGuest guest = long64().map(SECOND, 0);
        End end = guest.run("""
                // .code64
                c7 04 25 fe 0f 03 00 ff ff ff ff // movl $-1, 0x30ffe
                """);
        assertThat(end).hasToString(fault(PF, PF_WRITE, CODE));
        assertThat(cr2(guest)).isEqualTo(SECOND);
        assertThat(guest.memory().getShort(DATA + 0xFFE)).isZero();
    }

    @Test
    void readsAcrossPages_thatAreApart() {
        SystemGuest guest = long64().map(SECOND, OTHER | ALL);
        guest.memory().putShort(DATA + 0xFFE, 0x2211);
        guest.memory().putShort(OTHER, 0x4433);
        guest.run("""
                // .code64
                8b 04 25 fe 0f 03 00 // mov 0x30ffe, %eax
                e6 f4                // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rax()).isEqualTo(0x4433_2211);
    }

    @Test
    void saysWhichPageIsMissing_whenAnInstructionCrosses() {
        SystemGuest guest = long64().map(NEXT_CODE, 0).with(r -> r.withRip(NEXT_CODE - 2));
        guest.code(NEXT_CODE - 2, """
                // .code64
                b8 01 00 00 00 // mov $1, %eax
                """);
        assertThat(guest.run()).hasToString(fault(PF, PF_FETCH, NEXT_CODE - 2));
        assertThat(cr2(guest)).isEqualTo(NEXT_CODE);
    }

    @Test
    void saysThatAFetchFailed_whenTheSecondPageIsNotExecutable() {
        SystemGuest guest = long64().map(NEXT_CODE, NEXT_CODE | ALL | NX).with(r -> r.withRip(NEXT_CODE - 2));
        guest.code(NEXT_CODE - 2, """
                // .code64
                b8 01 00 00 00 // mov $1, %eax
                """);
        assertThat(guest.run()).hasToString(fault(PF, PF_PRESENT | PF_FETCH, NEXT_CODE - 2));
        assertThat(cr2(guest)).isEqualTo(NEXT_CODE);
    }

    /** An instruction that ends with the page does not touch the next. */
    @Test
    void runsUpToTheEndOfAPage() {
        SystemGuest guest = long64().map(NEXT_CODE, 0).with(r -> r.withRip(NEXT_CODE - 2));
        guest.code(NEXT_CODE - 2, """
                // .code64
                ff c3 // inc %ebx
                """);
        assertThat(guest.run()).hasToString(fault(PF, PF_FETCH, NEXT_CODE));
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(1);
    }

    // Invalidation: 4.10.4

    @Test
    void seesTheNewPage_afterInvlpg() {
        SystemGuest guest = long64();
        guest.memory().putInt(OTHER, 7);
        guest.run("""
                // .code64
                8b 04 25 00 00 03 00             // mov 0x30000, %eax
                c7 04 25 80 31 04 00 07 00 10 00 // movl $0x100007, 0x43180
                0f 01 3c 25 ff 0f 03 00          // invlpg 0x30fff
                8b 04 25 00 00 03 00             // mov 0x30000, %eax
                e6 f4                            // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rax()).isEqualTo(7);
    }

    @Test
    void forgetsAllOfALargePage_afterInvlpg() {
        SystemGuest guest = long64();
        guest.memory().putLong(DIRECTORY + 16, ALL | LARGE);
        End end = guest.run("""
                // .code64
                8b 04 25 00 00 43 00             // mov 0x430000, %eax
                8b 04 25 00 10 43 00             // mov 0x431000, %eax
                c7 04 25 10 20 04 00 00 00 00 00 // movl $0, 0x42010
                0f 01 3c 25 00 00 40 00          // invlpg 0x400000
                8b 04 25 00 10 43 00             // mov 0x431000, %eax
                """);
        assertThat(end).hasToString(fault(PF, 0, CODE + 33));
    }

    /** 4.10.2.4: global pages survive a load of CR3, and do not a change of CR4.PGE. */
    @Test
    void keepsGlobalPages_whenCr3IsLoaded() {
        SystemGuest guest = long64().cr4(CR4_PGE).map(DATA, DATA | ALL | G);
        guest.memory().putInt(DATA, 5);
        guest.memory().putInt(OTHER, 7);
        guest.run("""
                // .code64
                8b 04 25 00 00 03 00             // mov 0x30000, %eax
                8b 04 25 00 10 03 00             // mov 0x31000, %eax
                c7 04 25 80 31 04 00 07 00 10 00 // movl $0x100007, 0x43180
                c7 04 25 88 31 04 00 07 00 10 00 // movl $0x100007, 0x43188
                0f 20 d8                         // mov %cr3, %rax
                0f 22 d8                         // mov %rax, %cr3
                8b 1c 25 00 00 03 00             // mov 0x30000, %ebx
                8b 0c 25 00 10 03 00             // mov 0x31000, %ecx
                0f 20 e0                         // mov %cr4, %rax
                0f ba f0 07                      // btr $7, %eax
                0f 22 e0                         // mov %rax, %cr4
                8b 14 25 00 00 03 00             // mov 0x30000, %edx
                e6 f4                            // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(5);
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(7);
        assertThat(guest.vcpu().registers().rdx()).isEqualTo(7);
    }

    /** 4.10.1 and vol. 2A, INVPCID: one address, one context, all, all but global. */
    @Test
    void invalidatesByContext() {
        SystemGuest guest = long64().cr4(CR4_PGE | CR4_PCIDE).map(DATA, DATA | ALL | G);
        guest.memory().putLong(0x3_2008, SECOND);
        guest.run("""
                // .code64
                8b 04 25 00 00 03 00             // mov 0x30000, %eax
                8b 04 25 00 10 03 00             // mov 0x31000, %eax
                c7 04 25 80 31 04 00 07 00 10 00 // movl $0x100007, 0x43180
                c7 04 25 88 31 04 00 07 00 10 00 // movl $0x100007, 0x43188
                c7 04 25 00 00 10 00 77 00 00 00 // movl $0x77, 0x100000
                31 c0                            // xor %eax, %eax
                66 0f 38 82 04 25 00 20 03 00    // invpcid 0x32000, %rax
                8b 1c 25 00 10 03 00             // mov 0x31000, %ebx
                b8 03 00 00 00                   // mov $3, %eax
                66 0f 38 82 04 25 00 20 03 00    // invpcid 0x32000, %rax
                8b 0c 25 00 00 03 00             // mov 0x30000, %ecx
                b8 02 00 00 00                   // mov $2, %eax
                66 0f 38 82 04 25 00 20 03 00    // invpcid 0x32000, %rax
                8b 14 25 00 00 03 00             // mov 0x30000, %edx
                e6 f4                            // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(0x77);
        assertThat(guest.vcpu().registers().rcx()).isZero();
        assertThat(guest.vcpu().registers().rdx()).isEqualTo(0x77);
    }

    @Test
    void refusesATypeOfInvalidationThatIsNone() {
        End end = long64().run("""
                // .code64
                b8 04 00 00 00                // mov $4, %eax
                66 0f 38 82 04 25 00 20 03 00 // invpcid 0x32000, %rax
                """);
        assertThat(end).hasToString(fault(GP, 0, CODE + 5));
    }

    /** 4.10.1: bit 63 of CR3 is not kept; without PCIDE it is reserved. */
    @Test
    void dropsBit63OfCr3_withContexts() {
        SystemGuest guest = long64().cr4(CR4_PCIDE);
        guest.run("""
                // .code64
                0f 20 d8       // mov %cr3, %rax
                48 0f ba e8 3f // bts $63, %rax
                48 83 c8 05    // or $5, %rax
                0f 22 d8       // mov %rax, %cr3
                0f 20 db       // mov %cr3, %rbx
                e6 f4          // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(PML4 | 5);
    }

    @Test
    void refusesContexts_whenCr3HasLowBits() {
        SystemGuest guest = long64().special(s -> s.withControl(s.cr0(), s.cr3() | 8, s.cr4(), s.efer()));
        End end = guest.run("""
                // .code64
                0f 20 e0    // mov %cr4, %rax
                0f ba e8 11 // bts $17, %eax
                0f 22 e0    // mov %rax, %cr4
                """);
        assertThat(end).hasToString(fault(GP, 0, CODE + 7));
    }

    // Pages remapped under running code

    @Test
    void runsTheNewCode_whenItsPageIsRemapped() {
        SystemGuest guest = long64().with(r -> r.withRsi(2));
        guest.code(OTHER, """
                // .code64
                bb 01 00 00 00 // mov $1, %ebx
                c3             // ret
                """);
        guest.code(OTHER + 0x1000, """
                // .code64
                b9 02 00 00 00 // mov $2, %ecx
                c3             // ret
                """);
        guest.map(DATA, OTHER | ALL);
        guest.run("""
                // .code64
                b8 00 00 03 00                   // mov $0x30000, %eax
                ff d0                            // call *%rax
                c7 04 25 80 31 04 00 07 10 10 00 // movl $0x101007, 0x43180
                0f 01 3c 25 00 00 03 00          // invlpg 0x30000
                ff d0                            // call *%rax
                e6 f4                            // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(1);
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(2);
    }

    /** The first page stays, with its translation; the bytes in the second are others. */
    @Test
    void readsTheNewBytes_whenTheSecondPageOfAnInstructionIsRemapped() {
        SystemGuest guest = long64();
        guest.code(SECOND - 2, """
                // .code64
                bb 11 11 11 11 // mov $0x11111111, %ebx
                c3             // ret
                """);
        guest.memory().putInt(OTHER, 0xC322_2222);
        guest.memory().putByte(OTHER + 2, 0x22);
        guest.memory().putByte(OTHER + 3, 0xC3);
        guest.run("""
                // .code64
                b8 fe 0f 03 00                   // mov $0x30ffe, %eax
                ff d0                            // call *%rax
                89 d9                            // mov %ebx, %ecx
                c7 04 25 88 31 04 00 07 00 10 00 // movl $0x100007, 0x43188
                0f 01 3c 25 00 10 03 00          // invlpg 0x31000
                ff d0                            // call *%rax
                e6 f4                            // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(0x1111_1111);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(0x2222_2211);
    }

    // Alignment: vol. 3A, 6.15, interrupt 17

    @Test
    void checksAlignment_ofUsersThatAskForIt() {
        End end = long64().cr0(CR0_AM).asUser().flags(SystemGuest.AC).run("""
                // .code64
                8a 04 25 01 00 03 00    // mov 0x30001, %al
                66 8b 04 25 02 00 03 00 // mov 0x30002, %ax
                8b 04 25 04 00 03 00    // mov 0x30004, %eax
                8b 04 25 02 00 03 00    // mov 0x30002, %eax
                """);
        assertThat(end).hasToString(fault(SystemTest.AC, 0, CODE + 22));
    }

    @Test
    void checksAlignment_fromTheInstructionThatSetsIt() {
        End end = long64().cr0(CR0_AM).asUser().run("""
                // .code64
                8b 04 25 02 00 03 00 // mov 0x30002, %eax
                68 02 00 04 00       // pushq $0x40002
                9d                   // popfq
                89 04 25 02 00 03 00 // mov %eax, 0x30002
                """);
        assertThat(end).hasToString(fault(SystemTest.AC, 0, CODE + 13));
    }

    @Test
    void checksNoAlignment_ofSupervisors() {
        End end = long64().cr0(CR0_AM).flags(SystemGuest.AC).run("""
                // .code64
                8b 04 25 02 00 03 00 // mov 0x30002, %eax
                e6 f4                // out %al, $0xf4
                """);
        assertThat(end).hasToString("done");
    }
}
