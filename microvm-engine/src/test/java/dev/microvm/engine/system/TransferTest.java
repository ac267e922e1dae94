package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.*;
import static dev.microvm.hypervisor.MsrNumbers.IA32_FMASK;
import static dev.microvm.hypervisor.MsrNumbers.IA32_FS_BASE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_GS_BASE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_KERNEL_GS_BASE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_LSTAR;
import static dev.microvm.hypervisor.MsrNumbers.IA32_STAR;
import static dev.microvm.hypervisor.MsrNumbers.IA32_SYSENTER_CS;
import static dev.microvm.hypervisor.MsrNumbers.IA32_SYSENTER_EIP;
import static dev.microvm.hypervisor.MsrNumbers.IA32_SYSENTER_ESP;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_SCE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Transfers between code segments and privilege levels: Intel SDM vol. 3A, 5.8 and 6.12 to 6.14,
 * and vol. 2.
 */
final class TransferTest extends SystemTest {
    private static final int CONFORMING = 0x9F;
    private static final int CALL_GATE_DPL3 = 0xEC;
    private static final int CALL_GATE_DPL0 = 0x8C;

    // Intel SDM vol. 4, table 2-2
    private static final long STAR_SELECTORS = (0x10L | 3) << 48 | (long) CODE64 << 32;

    private static SpecialRegisters special(SystemGuest guest) {
        return guest.vcpu().specialRegisters();
    }

    private static Registers registers(SystemGuest guest) {
        return guest.vcpu().registers();
    }

    /** A call gate: figure 5-8. */
    private static long callGate(int selector, long offset, int access, int parameters) {
        return (offset & 0xFFFF)
                | (long) selector << 16
                | (long) parameters << 32
                | (long) access << 40
                | (offset >>> 16 & 0xFFFF) << 48;
    }

    // JMP and CALL: vol. 3A, 5.8.1

    @Test
    void keepsThePrivilegeLevel_inConformingCode() {
        SystemGuest guest = protected32().asUser().descriptor(FREE, segment(0, 0xF_FFFF, CONFORMING, FLAGS_32));
        guest.run("""
                // .code32
                ea 07 00 01 00 50 00 // ljmp $0x50, $1f
                e6 f4                // 1: out %al, $0xf4
                """);
        assertThat(special(guest).cs().selector()).isEqualTo(FREE | 3);
    }

    @Test
    void refusesInnerCode_toAFarJump() {
        End end = protected32().asUser().run("""
                // .code32
                ea 00 00 00 00 28 00 // ljmp $0x28, $0
                """);
        assertThat(end).hasToString(fault(GP, CODE32, CODE));
    }

    @Test
    void refusesAFarJumpBeyondTheLimit_whereItIs() {
        SystemGuest guest = protected32().descriptor(FREE, segment(0, 0xFFFF, ACCESS_CODE, 4));
        End end = guest.run("""
                // .code32
                ea 00 00 01 00 50 00 // ljmp $0x50, $0x10000
                """);
        assertThat(end).hasToString(fault(GP, 0, CODE));
    }

    @Test
    void refusesDataAndNull_toAFarCall() {
        assertThat(protected32().run("""
                // .code32
                9a 00 00 00 00 10 00 // lcall $0x10, $0
                """)).hasToString(fault(GP, DATA0, CODE));
        assertThat(protected32().run("""
                // .code32
                9a 00 00 00 00 03 00 // lcall $3, $0
                """)).hasToString(fault(GP, 0, CODE));
    }

    @Test
    void goesTo16BitCode_andBack() {
        SystemGuest guest = protected32().descriptor(CODE16, segment(CODE, 0xFFFF, ACCESS_CODE, FLAGS_16));
        guest.run("""
                // .code32
                ea 07 00 00 00 38 00    // ljmp $0x38, $7
                                        // .code16
                b8 34 12                // mov $0x1234, %ax
                66 ea 12 00 01 00 28 00 // ljmpl $0x28, $0x10012
                e6 f4                   // out %al, $0xf4
                """);
        assertThat(registers(guest).rax()).isEqualTo(0x1234);
        assertThat(special(guest).cs().selector()).isEqualTo(CODE32);
    }

    @Test
    void goesToCompatibilityMode_andBack() {
        SystemGuest guest = long64();
        guest.memory().putInt(DATA, (int) CODE + 7);
        guest.memory().putInt(DATA + 4, CODE32);
        guest.run("""
                // .code64
                ff 2c 25 00 00 03 00 // ljmpl *0x30000
                                     // .code32
                48                   // dec %eax
                ea 0f 00 01 00 08 00 // ljmp $8, $1f
                                     // .code64
                e6 f4                // 1: out %al, $0xf4
                """);
        assertThat(registers(guest).rax()).isEqualTo(0xFFFF_FFFFL);
        assertThat(special(guest).cs().longMode()).isTrue();
    }

    // Call gates: 5.8.3 to 5.8.5

    @Test
    void switchesStacks_andCopiesParameters_throughACallGate() {
        SystemGuest guest = protected32().asUser().descriptor(FREE, callGate(CODE32, DATA, CALL_GATE_DPL3, 2));
        guest.code(DATA, """
                // .code32
                8b 44 24 08 // mov 8(%esp), %eax
                8b 5c 24 0c // mov 12(%esp), %ebx
                89 e1       // mov %esp, %ecx
                8b 54 24 10 // mov 16(%esp), %edx
                ca 08 00    // lret $8
                """);
        End end = guest.run("""
                // .code32
                6a 01                // push $1
                6a 02                // push $2
                9a 00 00 00 00 50 00 // lcall $0x50, $0
                89 e6                // mov %esp, %esi
                e6 f4                // out %al, $0xf4
                """);
        assertThat(end).hasToString("done");
        assertThat(end.cs()).isEqualTo(USER_CODE32);
        assertThat(registers(guest).rax()).isEqualTo(2);
        assertThat(registers(guest).rbx()).isEqualTo(1);
        assertThat(registers(guest).rcx()).isEqualTo(INNER_STACK - 24);
        assertThat(registers(guest).rdx()).isEqualTo(STACK - 8);
        assertThat(registers(guest).rsi()).isEqualTo(STACK);
    }

    @Test
    void refusesACallGate_thatIsTooPrivileged() {
        SystemGuest guest = protected32().asUser().descriptor(FREE, callGate(CODE32, DATA, CALL_GATE_DPL0, 0));
        assertThat(guest.run("""
                // .code32
                9a 00 00 00 00 50 00 // lcall $0x50, $0
                """)).hasToString(fault(GP, FREE, CODE));
    }

    @Test
    void refusesAJumpThroughACallGate_toInnerCode() {
        SystemGuest guest = protected32().asUser().descriptor(FREE, callGate(CODE32, DATA, CALL_GATE_DPL3, 0));
        assertThat(guest.run("""
                // .code32
                ea 00 00 00 00 50 00 // ljmp $0x50, $0
                """)).hasToString(fault(GP, CODE32, CODE));
    }

    @Test
    void raisesNotPresent_whenACallGateIsNot() {
        SystemGuest guest = protected32().descriptor(FREE, callGate(CODE32, DATA, CALL_GATE_DPL3 & ~0x80, 0));
        assertThat(guest.run("""
                // .code32
                9a 00 00 00 00 50 00 // lcall $0x50, $0
                """)).hasToString(fault(NP, FREE, CODE));
    }

    /** 5.8.3.1: 64-bit gates take two places, and switch to RSP0 with a null SS. */
    @Test
    void entersTheKernel_throughA64BitCallGate() {
        SystemGuest guest = long64().asUser().descriptor(FREE, callGate(CODE64, DATA, CALL_GATE_DPL3, 0));
        guest.memory().putInt(DATA + 0x800, 0);
        guest.memory().putInt(DATA + 0x804, FREE);
        guest.code(DATA, """
                // .code64
                8c d3    // mov %ss, %ebx
                48 89 e1 // mov %rsp, %rcx
                48 cb    // lretq
                """);
        End end = guest.run("""
                // .code64
                ff 1c 25 00 08 03 00 // lcall *0x30800
                48 89 e6             // mov %rsp, %rsi
                e6 f4                // out %al, $0xf4
                """);
        assertThat(end).hasToString("done");
        assertThat(end.cs()).isEqualTo(USER_CODE64);
        assertThat(registers(guest).rbx()).isZero();
        assertThat(registers(guest).rcx()).isEqualTo(INNER_STACK - 32);
        assertThat(registers(guest).rsi()).isEqualTo(STACK);
    }

    /** Task switches are not there: docs/engine.md. */
    @Test
    void refusesTaskSwitches() {
        assertThat(protected32().descriptor(FREE, segment(TSS, 0x67, 0x89, 0)).run("""
                // .code32
                ea 00 00 00 00 50 00 // ljmp $0x50, $0
                """))
                .hasToString(fault(GP, FREE, CODE));
    }

    // RET and IRET

    /** Vol. 2B, RET: segments that the outer level may not use become null. */
    @Test
    void dropsInnerSegments_whenItReturnsOutwards() {
        SystemGuest guest = protected32();
        guest.run("""
                // .code32
                b8 1b 00 00 00 // mov $0x1b, %eax
                8e c0          // mov %eax, %es
                6a 1b          // push $0x1b
                68 00 00 02 00 // push $0x20000
                6a 33          // push $0x33
                68 16 00 01 00 // push $1f
                cb             // lret
                e6 f4          // 1: out %al, $0xf4
                """);
        assertThat(special(guest).cs().selector()).isEqualTo(USER_CODE32);
        assertThat(special(guest).ds().unusable()).isTrue();
        assertThat(special(guest).es().selector()).isEqualTo(USER_DATA);
        assertThat(registers(guest).rsp()).isEqualTo(0x2_0000);
    }

    /**
     * A selector that is nulled takes no base with it: 64-bit code uses FS and GS without one. By
     * RET, by IRET, and by IRET to compatibility mode, which has no use for the bases.
     */
    @ParameterizedTest
    @ValueSource(strings = {"""
                // .code64
                6a 1b          // push $0x1b
                68 00 00 02 00 // push $0x20000
                6a 23          // push $0x23
                68 10 00 01 00 // push $1f
                48 cb          // lretq
                e6 f4          // 1: out %al, $0xf4
                """, """
                // .code64
                6a 1b          // push $0x1b
                68 00 00 02 00 // push $0x20000
                6a 02          // push $2
                6a 23          // push $0x23
                68 12 00 01 00 // push $1f
                48 cf          // iretq
                e6 f4          // 1: out %al, $0xf4
                """, """
                // .code64
                6a 1b          // push $0x1b
                68 00 00 02 00 // push $0x20000
                6a 02          // push $2
                6a 33          // push $0x33
                68 12 00 01 00 // push $1f
                48 cf          // iretq
                e6 f4          // 1: out %al, $0xf4
                """})
    void keepsTheBasesOfFsAndGs_whenAReturnNullsTheirSelectors(String code) {
        SystemGuest guest = withInnerBases();
        guest.run(code);
        assertThat(special(guest).cs().dpl()).isEqualTo(3);
        assertThat(special(guest).fs().selector()).isZero();
        assertThat(special(guest).gs().selector()).isZero();
        assertThat(special(guest).fs().base()).isEqualTo(FS_BASE);
        assertThat(special(guest).gs().base()).isEqualTo(GS_BASE);
    }

    private static final long FS_BASE = 0x1234_5000L;
    private static final long GS_BASE = 0x7FFF_1234_5000L;

    /** 64-bit mode with selectors of level 0 in FS and GS, and bases that MSRs gave them. */
    private SystemGuest withInnerBases() {
        SystemGuest guest = long64().msr(IA32_FS_BASE, FS_BASE).msr(IA32_GS_BASE, GS_BASE);
        assertThat(special(guest).gs().selector()).isEqualTo(DATA0);
        return guest;
    }

    /** A null selector that the guest loads itself clears the base, as on Intel's processors. */
    @Test
    void clearsTheBase_whenANullSelectorIsLoaded() {
        SystemGuest guest = withInnerBases();
        guest.run("""
                // .code64
                31 c0 // xor %eax, %eax
                8e e0 // mov %eax, %fs
                8e e8 // mov %eax, %gs
                e6 f4 // out %al, $0xf4
                """);
        assertThat(special(guest).fs().base()).isZero();
        assertThat(special(guest).gs().base()).isZero();
    }

    @Test
    void refusesAReturnInwards() {
        End end = protected32().asUser().run("""
                // .code32
                6a 28 // push $0x28
                6a 00 // push $0
                cb    // lret
                """);
        assertThat(end).hasToString(fault(GP, CODE32, CODE + 4));
    }

    /** A fault of IRET leaves the stack pointer, and is at IRET. */
    @Test
    void changesNothing_whenIretFaults() {
        SystemGuest guest = long64();
        End end = guest.run("""
                // .code64
                6a 1b          // push $0x1b
                6a 00          // push $0
                6a 02          // push $2
                68 23 01 00 00 // push $0x123
                6a 00          // push $0
                48 cf          // iretq
                """);
        assertThat(end).hasToString(fault(GP, 0x120, CODE + 13));
        assertThat(guest.memory().getLong(registers(guest).rsp() + 32)).isEqualTo(STACK - 40);
    }

    @Test
    void returnsToTheSameLevel_withThreeWords() {
        SystemGuest guest = protected32();
        guest.run("""
                // .code32
                68 46 02 00 00 // push $0x246
                6a 28          // push $0x28
                68 0d 00 01 00 // push $1f
                cf             // iret
                e6 f4          // 1: out %al, $0xf4
                """);
        assertThat(registers(guest).rsp()).isEqualTo(STACK);
        assertThat(registers(guest).rflags()).isEqualTo(0x246);
    }

    /** In 64-bit mode IRET takes SS:RSP always; a null SS is allowed at level 0 to 2. */
    @Test
    void returnsToANullStackSegment_in64BitMode() {
        SystemGuest guest = long64();
        guest.run("""
                // .code64
                6a 00          // push $0
                68 08 00 02 00 // push $0x20008
                6a 02          // push $2
                6a 08          // push $8
                68 12 00 01 00 // push $1f
                48 cf          // iretq
                e6 f4          // 1: out %al, $0xf4
                """);
        assertThat(special(guest).ss().selector()).isZero();
        assertThat(registers(guest).rsp()).isEqualTo(0x2_0008);
    }

    @Test
    void refusesIret_withNestedTask_inLongMode() {
        assertThat(long64().flags(NT).run("""
                // .code64
                48 cf // iretq
                """)).hasToString(fault(GP, 0, CODE));
    }

    /** Vol. 2A, IRET: a user can change neither IOPL nor, without it, IF. */
    @Test
    void keepsInterruptAndIoPrivilege_whenAUserReturns() {
        SystemGuest guest = protected32().asUser();
        guest.run("""
                // .code32
                68 02 32 00 00 // push $0x3202
                6a 33          // push $0x33
                68 0d 00 01 00 // push $1f
                cf             // iret
                e6 f4          // 1: out %al, $0xf4
                """);
        assertThat(registers(guest).rflags()).isEqualTo(2);
    }

    @Test
    void keepsTheUpperFlags_of16BitIret() {
        SystemGuest guest = real16().flags(SystemGuest.AC);
        guest.run("""
                // .code16
                6a 46 // push $0x46
                0e    // push %cs
                6a 06 // push $6
                cf    // iret
                e6 f4 // out %al, $0xf4
                """);
        assertThat(registers(guest).rflags()).isEqualTo(SystemGuest.AC | 0x46);
    }

    /**
     * Vol. 3A, 20.2: IRET enters virtual-8086 mode; what it may not do is #GP to level 0, with
     * segments pushed.
     */
    @Test
    void entersVirtual8086Mode_andLeavesItByAFault() {
        SystemGuest guest = protected32().code(0x1_2340, """
                // .code16
                8c c8 // mov %cs, %ax
                f4    // hlt
                """);
        End end = guest.run("""
                // .code32
                6a 04          // push $4
                6a 03          // push $3
                6a 02          // push $2
                6a 01          // push $1
                68 00 20 00 00 // push $0x2000
                68 00 01 00 00 // push $0x100
                68 02 00 02 00 // push $0x20002
                68 34 12 00 00 // push $0x1234
                6a 00          // push $0
                cf             // iret
                """);
        assertThat(end).hasToString(fault(GP, 0, 2));
        assertThat(end.cs()).isEqualTo(0x1234);
        assertThat(registers(guest).rax() & 0xFFFF).isEqualTo(0x1234);
        assertThat(special(guest).ds().unusable()).isTrue();
        assertThat(guest.memory().getInt(INNER_STACK - 4)).isEqualTo(4);
        assertThat(guest.memory().getInt(INNER_STACK - 16)).isEqualTo(1);
    }

    /** 6.14.5. */
    @Test
    void usesTheInterruptStackTable() {
        SystemGuest guest = long64().asUser().gate(0x81, CODE64, HANDLERS + 0x81 * 4, USER_GATE, 1);
        guest.run("""
                // .code64
                cd 81 // int $0x81
                """);
        assertThat(registers(guest).rsp()).isEqualTo(IST1 - 40);
    }

    /** 6.12.1.2: a trap gate leaves IF. */
    @Test
    void leavesTheInterruptFlag_throughATrapGate() {
        SystemGuest guest = long64().flags(IF).gate(0x81, CODE64, HANDLERS + 0x81 * 4, USER_TRAP_GATE, 0);
        guest.run("""
                // .code64
                cd 81 // int $0x81
                """);
        assertThat(registers(guest).rflags() & IF).isNotZero();
    }

    // System calls: vol. 3A, 5.8.7 and 5.8.8

    @Test
    void callsAndReturns_bySyscall() {
        SystemGuest guest = long64().asUser()
                .flags(IF)
                .msr(IA32_STAR, STAR_SELECTORS)
                .msr(IA32_LSTAR, DATA)
                .msr(IA32_FMASK, IF | 1);
        guest.code(DATA, """
                // .code64
                8c c8    // mov %cs, %eax
                8c d3    // mov %ss, %ebx
                9c       // pushfq
                5e       // pop %rsi
                48 0f 07 // sysretq
                """).with(r -> r.withRsp(STACK));
        End end = guest.run("""
                // .code64
                f9    // stc
                0f 05 // syscall
                e6 f4 // out %al, $0xf4
                """);
        assertThat(end).hasToString("done");
        assertThat(end.cs()).isEqualTo(USER_CODE64);
        assertThat(special(guest).ss().selector()).isEqualTo(USER_DATA);
        assertThat(registers(guest).rax()).isEqualTo(CODE64);
        assertThat(registers(guest).rbx()).isEqualTo(DATA0);
        assertThat(registers(guest).rcx()).isEqualTo(CODE + 3);
        assertThat(registers(guest).rsi() & (IF | 1)).isZero();
        assertThat(registers(guest).r11() & (IF | 1)).isEqualTo(IF | 1);
        assertThat(registers(guest).rflags() & (IF | 1)).isEqualTo(IF | 1);
    }

    @Test
    void returnsToCompatibilityMode_bySysret() {
        SystemGuest guest = long64().msr(IA32_STAR, 0x33L << 48).with(r -> r.withRcx(CODE + 2));
        guest.run("""
                // .code64
                0f 07 // sysretl
                e6 f4 // out %al, $0xf4
                """);
        assertThat(special(guest).cs().longMode()).isFalse();
        assertThat(special(guest).cs().selector()).isEqualTo(0x33);
    }

    @Test
    void refusesAReturn_toWhatIsNotCanonical() {
        SystemGuest guest = long64().msr(IA32_STAR, STAR_SELECTORS).with(r -> r.withRcx(0x8000_0000_0000L));
        assertThat(guest.run("""
                // .code64
                48 0f 07 // sysretq
                """)).hasToString(fault(GP, 0, CODE));
    }

    @Test
    void knowsNoSyscall_unlessItIsEnabled() {
        SystemGuest guest = long64().special(s -> s.withControl(s.cr0(), s.cr3(), s.cr4(), s.efer() & ~EFER_SCE));
        assertThat(guest.run("""
                // .code64
                0f 05 // syscall
                """)).hasToString(event(UD, CODE));
    }

    @Test
    void callsAndReturns_bySysenter() {
        SystemGuest guest = protected32().descriptor(0x60, segment(0, 0xF_FFFF, ACCESS_USER_CODE, FLAGS_32));
        guest.asUser()
                .msr(IA32_SYSENTER_CS, FREE)
                .msr(IA32_SYSENTER_ESP, INNER_STACK)
                .msr(IA32_SYSENTER_EIP, DATA)
                .flags(IF);
        guest.code(DATA, """
                // .code32
                8c c8          // mov %cs, %eax
                8c d3          // mov %ss, %ebx
                89 e6          // mov %esp, %esi
                b9 00 00 02 00 // mov $0x20000, %ecx
                ba 02 00 01 00 // mov $0x10002, %edx
                0f 35          // sysexit
                """);
        End end = guest.run("""
                // .code32
                0f 34 // sysenter
                e6 f4 // out %al, $0xf4
                """);
        assertThat(end).hasToString("done");
        assertThat(end.cs()).isEqualTo(FREE + 16 | 3);
        assertThat(registers(guest).rax()).isEqualTo(FREE);
        assertThat(registers(guest).rbx()).isEqualTo(FREE + 8);
        assertThat(registers(guest).rsi()).isEqualTo(INNER_STACK);
        assertThat(registers(guest).rsp()).isEqualTo(0x2_0000);
        assertThat(registers(guest).rflags() & IF).isZero();
    }

    @Test
    void takesTheStackSegment_thatFollowsTheCodesOfSyscall() { // RPL and all: vol. 2B, SYSCALL
        SystemGuest guest = long64().msr(IA32_STAR, 0x0013_0009_0000_0000L).msr(IA32_LSTAR, DATA);
        guest.code(DATA, """
                // .code64
                e6 f4 // out %al, $0xf4
                """);
        guest.run("""
                // .code64
                0f 05 // syscall
                """);
        assertThat(special(guest).cs().selector()).isEqualTo(8);
        assertThat(special(guest).ss().selector()).isEqualTo(0x11);
    }

    @Test
    void keepsSelectorsOf16Bits_inSysexit() {
        SystemGuest guest = protected32().msr(IA32_SYSENTER_CS, 0xFFF8);
        guest.with(r -> r.withRdx(DATA).withRcx(STACK)).flags(3 << 12);
        guest.code(DATA, """
                // .code32
                e6 f4 // out %al, $0xf4
                """);
        guest.run("""
                // .code32
                0f 35 // sysexit
                """);
        assertThat(special(guest).cs().selector()).isEqualTo(0xB);
        assertThat(special(guest).ss().selector()).isEqualTo(0x13);
    }

    @Test
    void refusesSysenter_whenItIsNotSetUp() {
        assertThat(protected32().msr(IA32_SYSENTER_CS, 0).run("""
                // .code32
                0f 34 // sysenter
                """)).hasToString(fault(GP, 0, CODE));
    }

    @Test
    void swapsTheBaseOfGs() {
        SystemGuest guest = long64().msr(IA32_GS_BASE, 1).msr(IA32_KERNEL_GS_BASE, 2);
        guest.run("""
                // .code64
                0f 01 f8 // swapgs
                e6 f4    // out %al, $0xf4
                """);
        assertThat(guest.vcpu().msrs(IA32_GS_BASE, IA32_KERNEL_GS_BASE))
                .containsExactly(new MsrEntry(IA32_GS_BASE, 2), new MsrEntry(IA32_KERNEL_GS_BASE, 1));
        assertThat(special(guest).gs().base()).isEqualTo(2);
    }

    @Test
    void refusesSwapgs_toUsers() {
        assertThat(long64().asUser().run("""
                // .code64
                0f 01 f8 // swapgs
                """)).hasToString(fault(GP, 0, CODE));
    }

    // I/O permission: vol. 1, 19.5

    @Test
    void letsUsersReachTheirPorts_only() {
        SystemGuest guest = long64().asUser();
        guest.memory().putByte(TSS + 0x68 + 0x80 / 8, 0b10);
        assertThat(guest.run("""
                // .code64
                e6 80 // out %al, $0x80
                e6 81 // out %al, $0x81
                """)).hasToString(fault(GP, 0, CODE + 2));
    }

    @Test
    void asksForEachByteOfAPort() {
        SystemGuest guest = long64().asUser();
        guest.memory().putByte(TSS + 0x68 + 0x80 / 8 + 1, 0b1);
        assertThat(guest.run("""
                // .code64
                66 e5 86 // in $0x86, %ax
                e5 86    // in $0x86, %eax
                """)).hasToString(fault(GP, 0, CODE + 3));
    }

    @Test
    void refusesPorts_beyondTheMap() {
        SystemGuest guest = long64().special(s -> s.withTask(
                SegmentRegister.systemSegment(TASK, SegmentRegister.TYPE_TSS_BUSY, TSS, 0x68 + 0x10), s.ldt()));
        assertThat(guest.asUser().run("""
                // .code64
                e6 7f // out %al, $0x7f
                e6 80 // out %al, $0x80
                """)).hasToString(fault(GP, 0, CODE + 2));
    }

    @Test
    void asksNoMap_withIoPrivilege() {
        SystemGuest guest = long64().asUser().flags(3 << 12);
        guest.memory().putByte(TSS + 0x68 + 0x80 / 8, 0xFF);
        assertThat(guest.run("""
                // .code64
                e6 80 // out %al, $0x80
                e6 f4 // out %al, $0xf4
                """)).hasToString("done");
    }
}
