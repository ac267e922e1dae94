package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.DebugRegisters;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import org.junit.jupiter.api.Test;

/**
 * Limits, types and privilege of segments: Intel SDM vol. 3A, chapters 3 and 5; real mode: chapter
 * 20.
 */
final class SegmentTest extends SystemTest {
    private static final int EXPAND_DOWN = 0x97;
    private static final int READ_ONLY = 0x91;
    private static final int EXECUTE_ONLY = 0x99;
    private static final int CONFORMING_USER_SEES = 0x9F;
    private static final int FLAGS_32_BYTES = 4; // limit in bytes
    private static final int ZF = 1 << 6;

    /** Loads DS with the free descriptor, then runs. */
    private SystemGuest inSegment(long base, long limit, int access, int flags) {
        return protected32().descriptor(FREE, segment(base, limit, access, flags));
    }

    // 5.3, limits

    @Test
    void checksTheLimit_ofEachByte() {
        assertThat(inSegment(DATA, 0xFFF, ACCESS_DATA, FLAGS_32_BYTES).run("""
                // .code32
                b8 50 00 00 00 // mov $0x50, %eax
                8e d8          // mov %eax, %ds
                a1 fc 0f 00 00 // mov 0xffc, %eax
                a1 fd 0f 00 00 // mov 0xffd, %eax
                """)).hasToString(fault(GP, 0, CODE + 12));
    }

    @Test
    void addsTheBase() {
        SystemGuest guest = inSegment(DATA, 0xFFF, ACCESS_DATA, FLAGS_32_BYTES);
        guest.run("""
                // .code32
                b8 50 00 00 00                   // mov $0x50, %eax
                8e e0                            // mov %eax, %fs
                64 c7 05 08 00 00 00 07 00 00 00 // movl $7, %fs:8
                e6 f4                            // out %al, $0xf4
                """);
        assertThat(guest.memory().getInt(DATA + 8)).isEqualTo(7);
    }

    @Test
    void turnsTheLimitRound_whenASegmentExpandsDown() {
        assertThat(inSegment(0, 0x2_FFFF, EXPAND_DOWN, FLAGS_32_BYTES).run("""
                // .code32
                b8 50 00 00 00 // mov $0x50, %eax
                8e d8          // mov %eax, %ds
                a0 00 00 03 00 // mov 0x30000, %al
                a0 ff ff 02 00 // mov 0x2ffff, %al
                """)).hasToString(fault(GP, 0, CODE + 12));
    }

    @Test
    void endsAt64KiB_whenA16BitSegmentExpandsDown() {
        assertThat(inSegment(0, 0xFFF, EXPAND_DOWN, FLAGS_16).run("""
                // .code32
                b8 50 00 00 00    // mov $0x50, %eax
                8e d8             // mov %eax, %ds
                a0 ff ff 00 00    // mov 0xffff, %al
                66 a1 ff ff 00 00 // mov 0xffff, %ax
                """)).hasToString(fault(GP, 0, CODE + 12));
    }

    @Test
    void raisesStackFault_beyondTheStackSegment() {
        assertThat(inSegment(0, 0x2_0FFF, ACCESS_DATA, FLAGS_32_BYTES).run("""
                // .code32
                b8 50 00 00 00 // mov $0x50, %eax
                8e d0          // mov %eax, %ss
                8b 04 24       // mov (%esp), %eax
                """)).hasToString(fault(SS, 0, CODE + 7));
    }

    // 5.5 to 5.7, types and privilege

    @Test
    void refusesWrites_toReadOnlyData() {
        assertThat(inSegment(0, 0xF_FFFF, READ_ONLY, FLAGS_32).run("""
                // .code32
                b8 50 00 00 00 // mov $0x50, %eax
                8e d8          // mov %eax, %ds
                a0 00 00 03 00 // mov 0x30000, %al
                a2 00 00 03 00 // mov %al, 0x30000
                """)).hasToString(fault(GP, 0, CODE + 12));
    }

    @Test
    void refusesWrites_toCode() {
        assertThat(protected32().run("""
                // .code32
                2e a0 00 00 03 00 // mov %cs:0x30000, %al
                2e a2 00 00 03 00 // mov %al, %cs:0x30000
                """)).hasToString(fault(GP, 0, CODE + 6));
    }

    @Test
    void refusesToReadFromExecuteOnlyCode() {
        assertThat(inSegment(0, 0xF_FFFF, EXECUTE_ONLY, FLAGS_32).run("""
                // .code32
                b8 50 00 00 00 // mov $0x50, %eax
                8e d8          // mov %eax, %ds
                """)).hasToString(fault(GP, FREE, CODE + 5));
    }

    @Test
    void refusesAccess_throughANullSelector() {
        assertThat(protected32().run("""
                // .code32
                31 c0          // xor %eax, %eax
                8e d8          // mov %eax, %ds
                a0 00 00 03 00 // mov 0x30000, %al
                """)).hasToString(fault(GP, 0, CODE + 4));
    }

    @Test
    void refusesANullStack() {
        assertThat(protected32().run("""
                // .code32
                31 c0 // xor %eax, %eax
                8e d0 // mov %eax, %ss
                """)).hasToString(fault(GP, 0, CODE + 2));
    }

    @Test
    void takesANullStack_in64BitMode_atLevelZero() {
        assertThat(long64().run("""
                // .code64
                31 c0 // xor %eax, %eax
                8e d0 // mov %eax, %ss
                50    // push %rax
                e6 f4 // out %al, $0xf4
                """)).hasToString("done");
    }

    @Test
    void refusesInnerData_toUsers() {
        assertThat(protected32().asUser().run("""
                // .code32
                b8 10 00 00 00 // mov $0x10, %eax
                8e d8          // mov %eax, %ds
                """)).hasToString(fault(GP, DATA0, CODE + 5));
    }

    @Test
    void takesTheRequestersPrivilege() {
        assertThat(protected32().run("""
                // .code32
                b8 13 00 00 00 // mov $0x13, %eax
                8e d8          // mov %eax, %ds
                """)).hasToString(fault(GP, DATA0, CODE + 5));
    }

    @Test
    void setsTheAccessedBit() {
        SystemGuest guest = inSegment(0, 0xF_FFFF, ACCESS_DATA & ~1, FLAGS_32);
        guest.run("""
                // .code32
                b8 50 00 00 00 // mov $0x50, %eax
                8e d8          // mov %eax, %ds
                e6 f4          // out %al, $0xf4
                """);
        assertThat(guest.memory().getLong(GDT + FREE)).isEqualTo(segment(0, 0xF_FFFF, ACCESS_DATA, FLAGS_32));
    }

    @Test
    void hasNoLimits_in64BitMode_butBasesOfFsAndGs() {
        SystemGuest guest = long64().descriptor(FREE, segment(DATA, 0, ACCESS_DATA, FLAGS_32_BYTES));
        guest.run("""
                // .code64
                b8 50 00 00 00                      // mov $0x50, %eax
                8e d8                               // mov %eax, %ds
                8e e0                               // mov %eax, %fs
                64 c7 04 25 10 00 00 00 07 00 00 00 // movl $7, %fs:0x10
                c7 04 25 20 00 03 00 08 00 00 00    // movl $8, 0x30020
                e6 f4                               // out %al, $0xf4
                """);
        assertThat(guest.memory().getInt(DATA + 0x10)).isEqualTo(7);
        assertThat(guest.memory().getInt(DATA + 0x20)).isEqualTo(8);
    }

    // LAR, LSL, VERR, VERW: 5.10

    @Test
    void tellsRightsAndLimits() {
        SystemGuest guest = inSegment(0, 0x12345, READ_ONLY, FLAGS_32);
        guest.run("""
                // .code32
                b8 50 00 00 00 // mov $0x50, %eax
                0f 02 d8       // lar %eax, %ebx
                0f 03 c8       // lsl %eax, %ecx
                0f 00 e0       // verr %ax
                0f 94 c2       // setz %dl
                0f 00 e8       // verw %ax
                0f 94 c6       // setz %dh
                e6 f4          // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rbx() & 0xF0_FF00).isEqualTo(0xC0_9100); // the rest is undefined
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(0x1234_5FFF);
        assertThat(guest.vcpu().registers().rdx()).isEqualTo(1);
    }

    @Test
    void tellsNothing_ofWhatAUserMayNotSee() {
        SystemGuest guest = protected32().asUser().with(r -> r.withRbx(-1).withRflags(ZF | 2));
        guest.run("""
                // .code32
                b8 10 00 00 00 // mov $0x10, %eax
                0f 02 d8       // lar %eax, %ebx
                e6 f4          // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rflags() & ZF).isZero();
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(-1);
    }

    @Test
    void tellsConformingCode_toEverybody() {
        SystemGuest guest =
                inSegment(0, 0xF_FFFF, CONFORMING_USER_SEES, FLAGS_32).asUser();
        guest.run("""
                // .code32
                b8 50 00 00 00 // mov $0x50, %eax
                0f 00 e0       // verr %ax
                e6 f4          // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rflags() & ZF).isNotZero();
    }

    @Test
    void knowsNoRights_inRealMode() {
        assertThat(real16().run("""
                // .code16
                0f 02 d8 // lar %ax, %bx
                """)).hasToString(event(UD, 0));
    }

    // LTR and LLDT: 2.8.1, 8.2.4

    @Test
    void marksATaskBusy() {
        SystemGuest guest = inSegment(TSS, 0x67, 0x89, 0);
        guest.run("""
                // .code32
                b8 50 00 00 00 // mov $0x50, %eax
                0f 00 d8       // ltr %ax
                e6 f4          // out %al, $0xf4
                """);
        assertThat(guest.memory().getByte(GDT + FREE + 5)).isEqualTo(0x8B);
    }

    @Test
    void refusesATaskWhoseUpperHalfHasAType_inLongMode() { // vol. 2A, LTR, 64-bit mode exceptions
        SystemGuest guest =
                long64().descriptor(FREE, segment(TSS, 0x67, 0x89, 0)).descriptor(FREE + 8, 0x1L << 40);
        assertThat(guest.run("""
                // .code64
                b8 50 00 00 00 // mov $0x50, %eax
                0f 00 d8       // ltr %ax
                """)).hasToString(fault(GP, FREE, CODE + 5));
        assertThat(guest.memory().getByte(GDT + FREE + 5)).isEqualTo(0x89);
    }

    @Test
    void refusesATaskThatIsBusy() {
        assertThat(protected32().run("""
                // .code32
                b8 40 00 00 00 // mov $0x40, %eax
                0f 00 d8       // ltr %ax
                """)).hasToString(fault(GP, TASK, CODE + 5));
    }

    @Test
    void usesTheLocalTable() {
        SystemGuest guest = inSegment(DATA, 0xF, 0x82, 0);
        guest.memory().putLong(DATA + 8, segment(0, 0xF_FFFF, ACCESS_DATA, FLAGS_32));
        assertThat(guest.run("""
                // .code32
                b8 50 00 00 00 // mov $0x50, %eax
                0f 00 d0       // lldt %ax
                b8 0c 00 00 00 // mov $0xc, %eax
                8e c0          // mov %eax, %es
                b8 14 00 00 00 // mov $0x14, %eax
                8e c0          // mov %eax, %es
                """)).hasToString(fault(GP, 0x14, CODE + 20));
    }

    // UMIP: 2.5

    @Test
    void hidesTables_fromUsers() {
        final long umip = 1 << 11;
        assertThat(long64().cr4(umip).asUser().run("""
                // .code64
                0f 01 0c 25 00 00 03 00 // sidt 0x30000
                """)).hasToString(fault(GP, 0, CODE));
        assertThat(long64().asUser().run("""
                // .code64
                0f 01 0c 25 00 00 03 00 // sidt 0x30000
                e6 f4                   // out %al, $0xf4
                """)).hasToString("done");
    }

    // Real mode: 20.1

    @Test
    void checksTheLimitOf64KiB_inRealMode() {
        assertThat(real16().run("""
                // .code16
                bb ff ff // mov $0xffff, %bx
                8a 07    // mov (%bx), %al
                8b 07    // mov (%bx), %ax
                """)).hasToString(event(GP, 5));
    }

    @Test
    void wrapsAddressesOf16Bits() {
        SystemGuest guest = real16();
        guest.memory().putByte(0x9001, 0x77);
        guest.run("""
                // .code16
                bb ff ff    // mov $0xffff, %bx
                8a 87 02 90 // mov 0x9002(%bx), %al
                e6 f4       // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rax()).isEqualTo(0x77);
    }

    /** 9.9: limits loaded in protected mode stay. */
    @Test
    void reachesBeyond64KiB_inUnrealMode() {
        SystemGuest guest = real16();
        guest.memory().putInt(0x20_0000, 0x1234_5678);
        guest.run("""
                // .code16
                fa                // cli
                0f 20 c0          // mov %cr0, %eax
                40                // inc %ax
                0f 22 c0          // mov %eax, %cr0
                bb 10 00          // mov $0x10, %bx
                8e db             // mov %bx, %ds
                48                // dec %ax
                0f 22 c0          // mov %eax, %cr0
                31 db             // xor %bx, %bx
                8e db             // mov %bx, %ds
                66 bb 00 00 20 00 // mov $0x200000, %ebx
                67 66 8b 0b       // mov (%ebx), %ecx
                e6 f4             // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(0x1234_5678);
    }

    // Control registers: 2.5

    @Test
    void refusesPagingWithoutProtection() {
        assertThat(real16().run("""
                // .code16
                66 b8 00 00 00 80 // mov $0x80000000, %eax
                0f 22 c0          // mov %eax, %cr0
                """)).hasToString(event(GP, 6));
    }

    @Test
    void refusesUnknownBitsOfCr4() {
        assertThat(long64().run("""
                // .code64
                0f 20 e0       // mov %cr4, %rax
                48 0f ba e8 1f // bts $31, %rax
                0f 22 e0       // mov %rax, %cr4
                """)).hasToString(fault(GP, 0, CODE + 8));
    }

    @Test
    void refusesVirtual8086Extensions_whichCpuidDoesNotAnnounce() {
        assertThat(long64().run("""
                // .code64
                0f 20 e0 // mov %cr4, %rax
                83 c8 01 // or $1, %eax
                0f 22 e0 // mov %rax, %cr4
                """)).hasToString(fault(GP, 0, CODE + 6));
    }

    @Test
    void reads32Bits_inCompatibilityMode() { // vol. 2B, MOV of control and debug registers
        SystemGuest guest = long64().special(s -> s.withSegments(
                SegmentRegister.flat32(CODE32, SegmentRegister.TYPE_CODE),
                SegmentRegister.flat32(DATA0, SegmentRegister.TYPE_DATA)));
        guest.vcpu().debugRegisters(new DebugRegisters(0x1_2345_6789L, 0, 0, 0, 0, 0));
        guest.special(s -> new SpecialRegisters(
                s.cs(),
                s.ds(),
                s.es(),
                s.fs(),
                s.gs(),
                s.ss(),
                s.tr(),
                s.ldt(),
                s.gdt(),
                s.idt(),
                s.cr0(),
                0xFFFF_8000_0000_1000L,
                s.cr3(),
                s.cr4(),
                s.cr8(),
                s.efer(),
                s.apicBase()));
        guest.run("""
                // .code32
                0f 20 d0 // mov %cr2, %eax
                0f 21 c3 // mov %db0, %ebx
                e6 f4    // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rax()).isEqualTo(0x1000);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(0x2345_6789L);
    }

    @Test
    void refusesToLeavePae_inLongMode() {
        assertThat(long64().run("""
                // .code64
                0f 20 e0    // mov %cr4, %rax
                0f ba f0 05 // btr $5, %eax
                0f 22 e0    // mov %rax, %cr4
                """)).hasToString(fault(GP, 0, CODE + 7));
    }

    @Test
    void refusesControlRegisters_toUsers() {
        assertThat(long64().asUser().run("""
                // .code64
                0f 20 c0 // mov %cr0, %rax
                """)).hasToString(fault(GP, 0, CODE));
    }
}
