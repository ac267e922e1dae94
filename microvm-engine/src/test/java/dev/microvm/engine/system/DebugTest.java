package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.*;
import static dev.microvm.hypervisor.MsrNumbers.IA32_FMASK;
import static dev.microvm.hypervisor.MsrNumbers.IA32_LSTAR;
import static dev.microvm.hypervisor.MsrNumbers.IA32_STAR;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_DE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.DebugRegisters;
import org.junit.jupiter.api.Test;

/** Debug registers, the trap flag and the resume flag: Intel SDM vol. 3B, chapter 18. */
final class DebugTest extends SystemTest {
    private static final long STAR_SELECTORS = (0x10L | 3) << 48 | (long) CODE64 << 32;

    // DR6 and DR7: figure 18-1
    private static final long BD = 1 << 13;
    private static final long BS = 1 << 14;
    private static final long DR6_FIXED = 0xFFFF_0FF0L;
    private static final long GD = 1 << 13;
    private static final int EXECUTE = 0;
    private static final int WRITE = 1;
    private static final int PORT = 2;
    private static final int READ_WRITE = 3;

    /** Writes the address it returns to, and goes on. */
    private static final String TRACE = """
            // .code64
            50          // push %rax
            52          // push %rdx
            8b 44 24 10 // mov 16(%rsp), %eax
            66 ba 00 05 // mov $0x500, %dx
            ef          // out %eax, %dx
            5a          // pop %rdx
            58          // pop %rax
            48 cf       // iretq
            """;

    /** The same, and sets RF so that the instruction runs. */
    private static final String TRACE_AND_RESUME = """
            // .code64
            50                      // push %rax
            52                      // push %rdx
            8b 44 24 10             // mov 16(%rsp), %eax
            66 ba 00 05             // mov $0x500, %dx
            ef                      // out %eax, %dx
            81 4c 24 20 00 00 01 00 // orl $0x10000, 32(%rsp)
            5a                      // pop %rdx
            58                      // pop %rax
            48 cf                   // iretq
            """;

    /** DR7 with breakpoint 0 armed by L0. */
    private static long armed(int type, int length) {
        return 1 | (long) ((length == 8 ? 2 : length - 1) << 2 | type) << 16;
    }

    private static SystemGuest breakpoint(SystemGuest guest, long address, int type, int length) {
        guest.vcpu().debugRegisters(new DebugRegisters(address, 0, 0, 0, DR6_FIXED, armed(type, length)));
        return guest;
    }

    private static long dr6(SystemGuest guest) {
        return guest.vcpu().debugRegisters().dr6() & ~DR6_FIXED;
    }

    // 18.3.1.4, single step

    @Test
    void trapsAfterEachInstruction() {
        SystemGuest guest = long64().handler(DB, TRACE).flags(TF);
        guest.run("""
                // .code64
                90             // nop
                b8 01 00 00 00 // mov $1, %eax
                eb 01          // jmp 1f
                90             // nop
                e6 f4          // 1: out %al, $0xf4
                """);
        assertThat(guest.written()).containsExactly(CODE + 1, CODE + 6, CODE + 9);
        assertThat(dr6(guest)).isEqualTo(BS);
    }

    @Test
    void clearsTheTrapFlag_inTheHandler() {
        End end = long64().flags(TF).run("""
                // .code64
                90 // nop
                """);
        assertThat(end).hasToString(event(DB, CODE + 1));
        assertThat(end.flags() & TF).isNotZero();
    }

    /** 18.3.1.4: each iteration of a repeated string instruction; RF while it is not done. */
    @Test
    void trapsAfterEachIteration() {
        SystemGuest guest =
                long64().handler(DB, TRACE).flags(TF).with(r -> r.withRcx(3).withRdi(DATA));
        guest.run("""
                // .code64
                f3 aa // rep stosb
                e6 f4 // out %al, $0xf4
                """);
        assertThat(guest.written()).containsExactly(CODE, CODE, CODE + 2);
    }

    @Test
    void setsTheResumeFlag_betweenIterations() {
        End end = long64().flags(TF).with(r -> r.withRcx(3).withRdi(DATA)).run("""
                // .code64
                f3 aa // rep stosb
                """);
        assertThat(end).hasToString(event(DB, CODE));
        assertThat(end.flags() & RF).isNotZero();
    }

    @Test
    void trapsAfterTheInstructionThatFollowsPopf() {
        SystemGuest guest = long64();
        End end = guest.run("""
                // .code64
                68 02 01 00 00 // pushq $0x102
                9d             // popfq
                90             // nop
                90             // nop
                """);
        assertThat(end).hasToString(event(DB, CODE + 7));
    }

    /**
     * 18.3.1.4: INT clears TF, so no trap follows it; the one after IRET comes after the next
     * instruction.
     */
    @Test
    void trapsNotAfterAnInt() {
        SystemGuest guest = long64().handler(DB, TRACE).flags(TF).handler(0x81, """
                // .code64
                90    // nop
                48 cf // iretq
                """);
        guest.run("""
                // .code64
                cd 81 // int $0x81
                90    // nop
                e6 f4 // out %al, $0xf4
                """);
        assertThat(guest.written()).containsExactly(CODE + 3);
    }

    /** A fault is not followed by a trap of the instruction that did not complete. */
    @Test
    void trapsNotAfterAFault() {
        End end = long64().flags(TF).run("""
                // .code64
                0f 0b // ud2
                """);
        assertThat(end).hasToString(event(UD, CODE));
    }

    /** Vol. 2B, SYSCALL: IA32_FMASK clears TF before it counts. */
    @Test
    void trapsNotInTheSystemCall_whenItIsMasked() {
        SystemGuest guest = systemCall().msr(IA32_FMASK, TF);
        End end = guest.run("""
                // .code64
                0f 05 // syscall
                """);
        assertThat(end).hasToString("done");
        assertThat(dr6(guest)).isZero();
    }

    @Test
    void trapsAtTheSystemCall_whenItIsNotMasked() {
        SystemGuest guest = systemCall();
        End end = guest.run("""
                // .code64
                0f 05 // syscall
                """);
        assertThat(end).hasToString(event(DB, DATA));
    }

    private SystemGuest systemCall() {
        return long64().asUser()
                .flags(TF)
                .msr(IA32_STAR, STAR_SELECTORS)
                .msr(IA32_LSTAR, DATA)
                .code(DATA, """
                // .code64
                e6 f4 // out %al, $0xf4
                """);
    }

    /** Vol. 2B, SYSRET: TF of R11 traps at once, as if the system call had just ended. */
    @Test
    void trapsAtTheReturnOfASystemCall() {
        SystemGuest guest = long64().msr(IA32_STAR, STAR_SELECTORS).with(r -> r.withRcx(DATA));
        End end = guest.run("""
                // .code64
                41 bb 02 01 00 00 // mov $0x102, %r11d
                48 0f 07          // sysretq
                """);
        assertThat(end).hasToString(event(DB, DATA));
    }

    /** Vol. 3A, 6.8.3: no trap after a load of SS. */
    @Test
    void trapsAfterTheInstructionThatFollowsALoadOfSs() {
        SystemGuest guest = long64().handler(DB, TRACE).flags(TF);
        guest.run("""
                // .code64
                8c d0 // mov %ss, %eax
                8e d0 // mov %eax, %ss
                90    // nop
                e6 f4 // out %al, $0xf4
                """);
        assertThat(guest.written()).containsExactly(CODE + 2, CODE + 5);
    }

    @Test
    void trapsAfterTheInstructionThatFollowsAPopOfSs() {
        SystemGuest guest = protected32().flags(TF);
        End end = guest.run("""
                // .code32
                16 // push %ss
                17 // pop %ss
                90 // nop
                """);
        assertThat(end).hasToString(event(DB, CODE + 1));
    }

    // 18.2.1 to 18.2.5 and 18.3.1.1, breakpoints at instructions

    @Test
    void breaksBeforeAnInstruction_andPassesItWithResume() {
        SystemGuest guest = breakpoint(long64().handler(DB, TRACE_AND_RESUME), CODE + 1, EXECUTE, 1);
        guest.run("""
                // .code64
                90    // nop
                ff c3 // inc %ebx
                e6 f4 // out %al, $0xf4
                """);
        assertThat(guest.written()).containsExactly(CODE + 1);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(1);
        assertThat(dr6(guest)).isEqualTo(1);
    }

    /** 18.3.1.1: of all faults, this alone pushes RF as it was. */
    @Test
    void pushesNoResumeFlag_atABreakpoint() {
        End end = breakpoint(long64(), CODE + 1, EXECUTE, 1).run("""
                // .code64
                90 // nop
                90 // nop
                """);
        assertThat(end).hasToString(event(DB, CODE + 1));
        assertThat(end.flags() & RF).isZero();
    }

    @Test
    void breaksEachTimeAround() {
        SystemGuest guest = breakpoint(long64().handler(DB, TRACE_AND_RESUME), CODE + 5, EXECUTE, 1);
        guest.run("""
                // .code64
                b9 03 00 00 00 // mov $3, %ecx
                ff c9          // 1: dec %ecx
                75 fc          // jnz 1b
                e6 f4          // out %al, $0xf4
                """);
        assertThat(guest.written()).containsExactly(CODE + 5, CODE + 5, CODE + 5);
    }

    /** It was translated before the breakpoint was set. */
    @Test
    void breaksInCodeThatRanBefore() {
        SystemGuest guest = long64();
        guest.run("""
                // .code64
                90    // nop
                90    // nop
                e6 f4 // out %al, $0xf4
                """);
        breakpoint(guest, CODE + 1, EXECUTE, 1).with(r -> r.withRip(CODE));
        assertThat(guest.run()).hasToString(event(DB, CODE + 1));
    }

    @Test
    void breaksAtTheFirstByteOnly() {
        End end = breakpoint(long64(), CODE + 2, EXECUTE, 1).run("""
                // .code64
                b8 01 00 00 00 // mov $1, %eax
                e6 f4          // out %al, $0xf4
                """);
        assertThat(end).hasToString("done");
    }

    @Test
    void breaksAtAnInstructionThatCrossesPages() {
        SystemGuest guest = long64().with(r -> r.withRip(CODE + 0xFFE)).code(CODE + 0xFFE, """
                // .code64
                b8 01 00 00 00 // mov $1, %eax
                e6 f4          // out %al, $0xf4
                """);
        assertThat(breakpoint(guest, CODE + 0xFFE, EXECUTE, 1).run()).hasToString(event(DB, CODE + 0xFFE));
    }

    @Test
    void comparesLinearAddresses_whenCodeHasABase() {
        SystemGuest guest = breakpoint(real16(), CODE + 1, EXECUTE, 1);
        End end = guest.run("""
                // .code16
                90 // nop
                90 // nop
                """);
        assertThat(end).hasToString(event(DB, 1));
    }

    // 18.2.5, breakpoints at data

    @Test
    void breaksAfterAWrite_inTheMiddleOfABlock() {
        SystemGuest guest = breakpoint(long64().handler(DB, TRACE), DATA, WRITE, 4);
        guest.run("""
                // .code64
                8b 04 25 00 00 03 00 // mov 0x30000, %eax
                89 04 25 04 00 03 00 // mov %eax, 0x30004
                88 04 25 03 00 03 00 // mov %al, 0x30003
                ff c3                // inc %ebx
                e6 f4                // out %al, $0xf4
                """);
        assertThat(guest.written()).containsExactly(CODE + 21);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(1);
        assertThat(dr6(guest)).isEqualTo(1);
    }

    @Test
    void breaksAfterAReadOrAWrite() {
        SystemGuest guest = breakpoint(long64().handler(DB, TRACE), DATA, READ_WRITE, 8);
        guest.run("""
                // .code64
                8a 04 25 07 00 03 00 // mov 0x30007, %al
                88 04 25 08 00 03 00 // mov %al, 0x30008
                ff 04 25 fd ff 02 00 // incl 0x2fffd
                e6 f4                // out %al, $0xf4
                """);
        assertThat(guest.written()).containsExactly(CODE + 7, CODE + 21);
    }

    @Test
    void breaksBetweenAComparisonAndItsBranch() {
        SystemGuest guest = breakpoint(long64().handler(DB, TRACE), DATA, READ_WRITE, 4);
        guest.run("""
                // .code64
                39 04 25 00 00 03 00 // cmp %eax, 0x30000
                74 02                // je .+4
                ff c3                // inc %ebx
                e6 f4                // out %al, $0xf4
                """);
        assertThat(guest.written()).containsExactly(CODE + 7);
    }

    @Test
    void breaksAfterAWrite_thatReachesInFromThePageBefore() {
        SystemGuest guest = breakpoint(long64(), DATA, WRITE, 1);
        End end = guest.run("""
                // .code64
                48 89 04 25 f9 ff 02 00 // mov %rax, 0x2fff9
                """);
        assertThat(end).hasToString(event(DB, CODE + 8));
    }

    @Test
    void breaksAfterTheIteration_thatWrote() {
        SystemGuest guest =
                breakpoint(long64(), DATA + 4, WRITE, 1).with(r -> r.withRcx(8).withRdi(DATA));
        End end = guest.run("""
                // .code64
                f3 aa // rep stosb
                """);
        assertThat(end).hasToString(event(DB, CODE));
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(3);
    }

    @Test
    void breaksAfterAPush() {
        End end = breakpoint(long64(), STACK - 8, WRITE, 8).run("""
                // .code64
                e8 00 00 00 00 // call 1f
                90             // 1: nop
                """);
        assertThat(end).hasToString(event(DB, CODE + 5));
    }

    @Test
    void breaksAfterAnAtomicWrite() {
        End end = breakpoint(long64(), DATA, WRITE, 4).run("""
                // .code64
                f0 ff 04 25 00 00 03 00 // lock incl 0x30000
                90                      // nop
                """);
        assertThat(end).hasToString(event(DB, CODE + 8));
    }

    /** Vol. 3A, 6.8.3: it waits for the instruction after a load of SS. */
    @Test
    void breaksAfterTheInstructionThatFollowsALoadOfSs() {
        SystemGuest guest = breakpoint(long64(), DATA, READ_WRITE, 2);
        guest.memory().putShort(DATA, DATA0);
        End end = guest.run("""
                // .code64
                8e 14 25 00 00 03 00 // mov 0x30000, %ss
                90                   // nop
                90                   // nop
                """);
        assertThat(end).hasToString(event(DB, CODE + 8));
    }

    @Test
    void reportsStepAndBreakpointTogether() {
        SystemGuest guest = breakpoint(long64(), DATA, WRITE, 1).flags(TF);
        guest.run("""
                // .code64
                88 04 25 00 00 03 00 // mov %al, 0x30000
                """);
        assertThat(dr6(guest)).isEqualTo(BS | 1);
    }

    @Test
    void breaksNot_whenNothingIsEnabled() {
        SystemGuest guest = long64();
        guest.vcpu().debugRegisters(new DebugRegisters(CODE, DATA, 0, 0, DR6_FIXED, armed(EXECUTE, 1) & ~1));
        End end = guest.run("""
                // .code64
                88 04 25 00 00 03 00 // mov %al, 0x30000
                e6 f4                // out %al, $0xf4
                """);
        assertThat(end).hasToString("done");
    }

    @Test
    void breaksByTheGlobalEnable_too() {
        SystemGuest guest = long64();
        guest.vcpu().debugRegisters(new DebugRegisters(0, 0, 0, CODE, DR6_FIXED, 1 << 7));
        End end = guest.run("""
                // .code64
                90 // nop
                """);
        assertThat(end).hasToString(event(DB, CODE));
        assertThat(dr6(guest)).isEqualTo(8);
    }

    // 18.2.4, R/W 10

    @Test
    void breaksAfterPortAccess_withDebugExtensions() {
        SystemGuest guest = breakpoint(long64().cr4(CR4_DE), 0x502, PORT, 2);
        End end = guest.run("""
                // .code64
                ba 00 05 00 00 // mov $0x500, %edx
                66 ef          // out %ax, %dx
                ef             // out %eax, %dx
                """);
        assertThat(end).hasToString(event(DB, CODE + 8));
    }

    @Test
    void ignoresPortBreakpoints_withoutDebugExtensions() {
        SystemGuest guest = breakpoint(long64(), 0x500, PORT, 2);
        End end = guest.run("""
                // .code64
                ba 00 05 00 00 // mov $0x500, %edx
                66 ef          // out %ax, %dx
                e6 f4          // out %al, $0xf4
                """);
        assertThat(end).hasToString("done");
    }

    // 18.2.2 to 18.2.4, the registers

    @Test
    void detectsAccessToDebugRegisters() {
        SystemGuest guest = long64();
        guest.vcpu().debugRegisters(new DebugRegisters(0, 0, 0, 0, DR6_FIXED, GD));
        End end = guest.run("""
                // .code64
                0f 21 c0 // mov %dr0, %rax
                """);
        assertThat(end).hasToString(event(DB, CODE));
        assertThat(dr6(guest)).isEqualTo(BD);
        assertThat(guest.vcpu().debugRegisters().dr7() & GD).isZero();
    }

    @Test
    void aliasesDr4AndDr5_withoutDebugExtensions() {
        SystemGuest guest = long64();
        guest.run("""
                // .code64
                b8 f0 00 00 00 // mov $0x0f0, %eax
                0f 23 e8       // mov %rax, %dr5
                0f 21 fb       // mov %dr7, %rbx
                0f 21 e1       // mov %dr4, %rcx
                e6 f4          // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(0x4F0);
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(DR6_FIXED);
    }

    @Test
    void knowsNoDr4_withDebugExtensions() {
        End end = long64().cr4(CR4_DE).run("""
                // .code64
                0f 21 e0 // mov %dr4, %rax
                """);
        assertThat(end).hasToString(event(UD, CODE));
    }

    @Test
    void refusesUpperBitsOfDr7() {
        End end = long64().run("""
                // .code64
                48 ff c8 // dec %rax
                0f 23 f8 // mov %rax, %dr7
                """);
        assertThat(end).hasToString(fault(GP, 0, CODE + 3));
    }

    @Test
    void refusesDebugRegisters_toUsers() {
        End end = long64().asUser().run("""
                // .code64
                0f 21 c0 // mov %dr0, %rax
                """);
        assertThat(end).hasToString(fault(GP, 0, CODE));
    }
}
