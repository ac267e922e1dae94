package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.DescriptorTable;
import org.junit.jupiter.api.Test;

/**
 * Exceptions, their error codes, and what becomes of a fault on the way to a handler: Intel SDM
 * vol. 3A, chapter 6.
 */
final class FaultTest extends SystemTest {
    private static final int ABSENT_DATA = ACCESS_DATA & ~0x80;

    /** 6.15, interrupt 0: a fault, RIP at the division, RF set. */
    @Test
    void raisesDivideError() {
        End end = long64().run("""
                // .code64
                31 c9 // xor %ecx, %ecx
                f7 f1 // div %ecx
                """);
        assertThat(end).hasToString(event(DE, CODE + 2));
        assertThat(end.flags() & RF).isNotZero();
    }

    /** 6.15, interrupt 3: a trap, RIP after the instruction, RF as it was. */
    @Test
    void raisesBreakpoint() {
        End end = protected32().run("""
                // .code32
                cc // int3
                """);
        assertThat(end).hasToString(event(BP, CODE + 1));
        assertThat(end.flags() & RF).isZero();
    }

    /** 6.15, interrupt 4. */
    @Test
    void raisesOverflow() {
        End end = protected32().run("""
                // .code32
                b0 7f // mov $0x7f, %al
                00 c0 // add %al, %al
                ce    // into
                """);
        assertThat(end).hasToString(event(OF, CODE + 5));
    }

    /** 6.15, interrupt 5. */
    @Test
    void raisesBoundRange() {
        End end = protected32().run("""
                // .code32
                b8 ff ff ff ff    // mov $-1, %eax
                62 05 00 00 03 00 // bound %eax, 0x30000
                """);
        assertThat(end).hasToString(event(BR, CODE + 5));
    }

    /** 6.15, interrupt 6. */
    @Test
    void raisesUndefinedOpcode() {
        End end = long64().run("""
                // .code64
                0f 0b // ud2
                """);
        assertThat(end).hasToString(event(UD, CODE));
    }

    /** Vol. 2A, LOCK. */
    @Test
    void raisesUndefinedOpcode_whenLockIsNotAllowed() {
        End end = long64().run("""
                // .code64
                f0 89 03 // .byte 0xf0; mov %eax, (%rbx)
                """);
        assertThat(end).hasToString(event(UD, CODE));
    }

    /** Vol. 2A, 2.3.11: longer than 15 bytes. */
    @Test
    void raisesProtection_whenAnInstructionIsTooLong() {
        End end = long64().run("""
                // .code64
                66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 // .fill 15, 1, 0x66
                90                                           // nop
                """);
        assertThat(end).hasToString(fault(GP, 0, CODE));
    }

    /** 6.15, interrupt 7: CR0.TS. */
    @Test
    void raisesDeviceNotAvailable() {
        End end = long64().cr0(1 << 3).run("""
                // .code64
                db e3 // fninit
                """);
        assertThat(end).hasToString(event(NM, CODE));
    }

    /** 6.13: the selector is the error code. */
    @Test
    void namesTheSelector_whenASegmentIsBeyondTheGdt() {
        End end = long64().run("""
                // .code64
                b8 23 01 00 00 // mov $0x123, %eax
                8e d8          // mov %eax, %ds
                """);
        assertThat(end).hasToString(fault(GP, 0x120, CODE + 5));
    }

    /** 6.13: with TI. */
    @Test
    void namesTheSelector_whenThereIsNoLdt() {
        End end = long64().run("""
                // .code64
                b8 07 00 00 00 // mov $7, %eax
                8e d8          // mov %eax, %ds
                """);
        assertThat(end).hasToString(fault(GP, 4, CODE + 5));
    }

    /** 6.15, interrupt 11. */
    @Test
    void raisesNotPresent_whenADataSegmentIsNot() {
        SystemGuest guest = long64().descriptor(FREE, segment(0, 0xF_FFFF, ABSENT_DATA, FLAGS_32));
        End end = guest.run("""
                // .code64
                b8 50 00 00 00 // mov $0x50, %eax
                8e c0          // mov %eax, %es
                """);
        assertThat(end).hasToString(fault(NP, FREE, CODE + 5));
    }

    /** 6.15, interrupt 12. */
    @Test
    void raisesStackFault_whenTheStackSegmentIsNotPresent() {
        SystemGuest guest = long64().descriptor(FREE, segment(0, 0xF_FFFF, ABSENT_DATA, FLAGS_32));
        End end = guest.run("""
                // .code64
                b8 50 00 00 00 // mov $0x50, %eax
                8e d0          // mov %eax, %ss
                """);
        assertThat(end).hasToString(fault(SS, FREE, CODE + 5));
    }

    /** 6.12.1.1: INT n through a gate of a higher privilege. */
    @Test
    void namesTheGate_whenAUserMayNotUseIt() {
        SystemGuest guest = long64().asUser().gate(0x81, CODE64, HANDLERS, GATE, 0);
        End end = guest.run("""
                // .code64
                cd 81 // int $0x81
                """);
        assertThat(end).hasToString(fault(GP, 0x81 << 3 | IN_IDT, CODE));
    }

    /** 6.12.1.1: INT3 too. */
    @Test
    void namesTheGate_whenAUserMayNotUseBreakpoints() {
        SystemGuest guest = long64().asUser().gate(BP, CODE64, HANDLERS, GATE, 0);
        End end = guest.run("""
                // .code64
                cc // int3
                """);
        assertThat(end).hasToString(fault(GP, BP << 3 | IN_IDT, CODE));
    }

    /** Vol. 2A, INT n: INT1 checks no privilege. */
    @Test
    void letsAUserRaiseDebug_byInt1() {
        SystemGuest guest = long64().asUser().gate(DB, CODE64, HANDLERS + 4, GATE, 0);
        End end = guest.run("""
                // .code64
                f1 // .byte 0xf1
                """);
        assertThat(end).hasToString(event(DB, CODE + 1));
    }

    /** 6.15, interrupt 11: a gate that is not present. */
    @Test
    void namesTheGate_whenItIsNotPresent() {
        SystemGuest guest = long64().gate(0x81, CODE64, HANDLERS, GATE & ~0x80, 0);
        End end = guest.run("""
                // .code64
                cd 81 // int $0x81
                """);
        assertThat(end).hasToString(fault(NP, 0x81 << 3 | IN_IDT, CODE));
    }

    /** 6.13: EXT is set when the first event was no INT instruction. */
    @Test
    void setsTheExternalBit_whenAFaultCannotBeDelivered() {
        SystemGuest guest = long64().gate(UD, CODE64, HANDLERS, GATE & ~0x80, 0);
        End end = guest.run("""
                // .code64
                0f 0b // ud2
                """);
        assertThat(end).hasToString(fault(NP, UD << 3 | IN_IDT | EXTERNAL, CODE));
    }

    /** 6.15, interrupt 13: the IDT ends before the gate. */
    @Test
    void namesTheGate_whenItIsBeyondTheIdt() {
        SystemGuest guest = long64().special(s -> s.withTables(s.gdt(), new DescriptorTable(IDT, 0x1FF)));
        End end = guest.run("""
                // .code64
                cd 20 // int $0x20
                """);
        assertThat(end).hasToString(fault(GP, 0x20 << 3 | IN_IDT, CODE));
    }

    /**
     * 6.15, interrupt 10: the stack that the task-state segment names; its handler runs on the old
     * one.
     */
    @Test
    void raisesInvalidTss_whenTheInnerStackSegmentIsAUsers() {
        final int conforming = 0x9F;
        SystemGuest guest = protected32().asUser().descriptor(FREE, segment(0, 0xF_FFFF, conforming, FLAGS_32));
        guest.memory().putInt(TSS + 8, USER_DATA);
        guest.gate(TS, FREE, HANDLERS + TS * 4, GATE, 0);
        End end = guest.run("""
                // .code32
                cd 81 // int $0x81
                """);
        assertThat(end).hasToString(fault(TS, USER_DATA & ~3, CODE));
    }

    /**
     * 6.15, table 6-5: a page fault on the way to a page fault's handler is a double fault, with
     * error code 0.
     */
    @Test
    void raisesDoubleFault_whenAPageFaultHasNoStack() {
        SystemGuest guest = long64().with(r -> r.withRsp(0x40_1000)).gate(DF, CODE64, HANDLERS + DF * 4, GATE, 1);
        End end = guest.run("""
                // .code64
                8b 04 25 00 00 50 00 // mov 0x500000, %eax
                """);
        assertThat(end).hasToString(fault(DF, 0, CODE));
        assertThat(guest.vcpu().registers().rsp()).isEqualTo(IST1 - 6 * 8);
    }

    /** 6.15, table 6-5: an invalid opcode is benign: what comes of it is served alone. */
    @Test
    void raisesPageFault_whenABenignExceptionHasNoStack() {
        SystemGuest guest = long64().with(r -> r.withRsp(0x40_1000)).gate(PF, CODE64, HANDLERS + PF * 4, GATE, 1);
        End end = guest.run("""
                // .code64
                0f 0b // ud2
                """);
        assertThat(end).hasToString(fault(PF, PF_WRITE, CODE));
        assertThat(guest.vcpu().specialRegisters().cr2()).isEqualTo(0x40_0FF8);
    }

    /** 6.15, table 6-5: contributory and contributory. */
    @Test
    void raisesDoubleFault_whenAProtectionFaultMeetsAnother() {
        SystemGuest guest = long64().gate(GP, CODE64, HANDLERS, GATE & ~0x80, 0);
        End end = guest.run("""
                // .code64
                b8 23 01 00 00 // mov $0x123, %eax
                8e d8          // mov %eax, %ds
                """);
        assertThat(end).hasToString(fault(DF, 0, CODE + 5));
    }

    /** 6.15, interrupt 8. */
    @Test
    void shutsDown_whenADoubleFaultCannotBeDelivered() {
        SystemGuest guest =
                long64().gate(GP, CODE64, HANDLERS, GATE & ~0x80, 0).gate(DF, CODE64, HANDLERS, GATE & ~0x80, 0);
        End end = guest.run("""
                // .code64
                b8 23 01 00 00 // mov $0x123, %eax
                8e d8          // mov %eax, %ds
                """);
        assertThat(end).hasToString("shutdown");
    }

    /** 6.14.2: the stack is aligned to 16 bytes, and SS:RSP are always pushed. */
    @Test
    void alignsTheStack_inLongMode() {
        SystemGuest guest = long64().with(r -> r.withRsp(STACK - 3));
        guest.run("""
                // .code64
                cd 81 // int $0x81
                """);
        long rsp = guest.vcpu().registers().rsp();
        assertThat(rsp).isEqualTo(STACK - 16 - 40);
        assertThat(guest.memory().getLong(rsp + 24)).isEqualTo(STACK - 3);
        assertThat(guest.memory().getLong(rsp + 32)).isEqualTo(DATA0);
    }

    /** 20.1.4: real mode pushes FLAGS, CS and IP, and no error code. */
    @Test
    void deliversThroughTheVectorTable_inRealMode() {
        SystemGuest guest = real16().flags(IF);
        guest.run("""
                // .code16
                cd 81 // int $0x81
                """);
        assertThat(guest.memory().getInt(0x7000 - 6)).isEqualTo((int) (CODE >> 4) << 16 | 2);
        assertThat(guest.vcpu().registers().rflags() & IF).isZero();
    }

    /**
     * 20.1.4 and 6.15: a vector beyond the table is #GP; without one, a double fault; and then the
     * end.
     */
    @Test
    void shutsDown_whenRealModeHasNoVectorTable() {
        SystemGuest guest = real16().special(s -> s.withTables(s.gdt(), new DescriptorTable(0, 3)));
        End end = guest.run("""
                // .code16
                cd 81 // int $0x81
                """);
        assertThat(end).hasToString("shutdown");
    }
}
