package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.VcpuEvents;
import dev.microvm.hypervisor.VcpuExit;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** When interrupts are taken: Intel SDM vol. 3A, 6.7 and 6.8, and 11.8.3 for priorities. */
final class InterruptTest extends SystemTest {
    private static final int VECTOR = 0x51;
    private static final long MESSAGES_TO_0 = 0xFEE0_0000L; // 11.11.1
    private static final int NMI_MESSAGE = 0x400; // delivery mode: figure 11-25
    private static final int APIC_BASE = 0x1B;
    private static final int SPURIOUS = 0x80F; // x2APIC registers: table 11-6
    private static final long X2APIC_ENABLED = 0xFEE0_0D00L;

    /** An external interrupt waits from the start. */
    private static SystemGuest interrupted(SystemGuest guest) {
        guest.vcpu().interrupt(VECTOR);
        return guest;
    }

    private static VcpuEvents nmi(boolean pending, boolean masked) {
        return new VcpuEvents(false, false, 0, false, 0, false, 0, false, 0, false, pending, masked, 0);
    }

    private SystemGuest withApic() {
        SystemGuest guest = long64WithApic().msr(APIC_BASE, X2APIC_ENABLED).msr(SPURIOUS, 0x1FF);
        guest.vm().signalMsi(MESSAGES_TO_0, VECTOR);
        return guest;
    }

    @Test
    void takesAnInterruptBetweenInstructions() {
        assertThat(interrupted(long64().flags(IF)).run("""
                // .code64
                90 // nop
                """)).hasToString(event(VECTOR, CODE));
    }

    /** 6.8.1: CLI. */
    @Test
    void waits_whileInterruptsAreDisabled() {
        assertThat(withApic().run("""
                // .code64
                90    // nop
                90    // nop
                e6 f4 // out %al, $0xf4
                """)).hasToString("done");
    }

    /** 6.8.1: STI takes effect after the next instruction. */
    @Test
    void takesAnInterrupt_afterTheInstructionThatFollowsSti() {
        assertThat(withApic().run("""
                // .code64
                fb // sti
                90 // nop
                90 // nop
                """)).hasToString(event(VECTOR, CODE + 2));
    }

    @Test
    void takesNoInterrupt_betweenStiAndCli() {
        assertThat(withApic().run("""
                // .code64
                fb    // sti
                fa    // cli
                e6 f4 // out %al, $0xf4
                """)).hasToString("done");
    }

    /** The instruction after STI is in the next page. */
    @Test
    void takesNoInterrupt_betweenStiAndCli_acrossPages() {
        SystemGuest guest = withApic().with(r -> r.withRip(CODE + 0xFFF)).code(CODE + 0xFFF, """
                // .code64
                fb    // sti
                fa    // cli
                e6 f4 // out %al, $0xf4
                """);
        assertThat(guest.run()).hasToString("done");
    }

    /** The instruction after STI reaches into the next page. */
    @Test
    void takesAnInterrupt_afterAnInstructionThatCrossesPages() {
        SystemGuest guest = withApic().with(r -> r.withRip(CODE + 0xFFD)).code(CODE + 0xFFD, """
                // .code64
                fb             // sti
                b8 01 00 00 00 // mov $1, %eax
                90             // nop
                """);
        assertThat(guest.run()).hasToString(event(VECTOR, CODE + 0x1003));
    }

    /** Vol. 2B, STI: the shadow holds when it is stepped through as well. */
    @Test
    void takesTheTrapBeforeTheInterrupt_afterSti() {
        End end = withApic().flags(TF).run("""
                // .code64
                fb // sti
                90 // nop
                """);
        assertThat(end).hasToString(event(DB, CODE + 1));
    }

    /** 6.8.3: a load of SS. */
    @Test
    void takesNoInterrupt_afterALoadOfSs() {
        SystemGuest guest = withApic();
        assertThat(guest.run("""
                // .code64
                8c d0 // mov %ss, %eax
                fb    // sti
                8e d0 // mov %eax, %ss
                90    // nop
                90    // nop
                """)).hasToString(event(VECTOR, CODE + 6));
    }

    /** 6.8.1: POPF and IRET take effect at once. */
    @Test
    void takesAnInterrupt_rightAfterPopf() {
        assertThat(withApic().run("""
                // .code64
                68 02 02 00 00 // pushq $0x202
                9d             // popfq
                90             // nop
                """)).hasToString(event(VECTOR, CODE + 6));
    }

    @Test
    void takesAnInterrupt_rightAfterIret() {
        SystemGuest guest = withApic();
        assertThat(guest.run("""
                // .code64
                6a 10          // push $0x10
                68 00 00 02 00 // push $0x20000
                68 02 02 00 00 // push $0x202
                6a 08          // push $8
                68 16 00 01 00 // push $1f
                48 cf          // iretq
                90             // nop
                90             // 1: nop
                """)).hasToString(event(VECTOR, CODE + 0x16));
    }

    /** 6.7.1: NMIs are blocked until IRET. */
    @Test
    void blocksNmis_untilIret() {
        SystemGuest guest = long64();
        guest.vcpu().events(nmi(true, true));
        assertThat(guest.run("""
                // .code64
                90             // nop
                6a 10          // push $0x10
                68 00 00 02 00 // push $0x20000
                6a 02          // push $2
                6a 08          // push $8
                68 13 00 01 00 // push $1f
                48 cf          // iretq
                90             // 1: nop
                """)).hasToString(event(NMI, CODE + 0x13));
        assertThat(guest.vcpu().events().nmiMasked()).isTrue();
    }

    /** 6.7.1: of the NMIs that come while one is in service, one waits until IRET. */
    @Test
    void takesOneMoreNmi_whenSeveralComeInItsHandler() {
        SystemGuest guest = countingNmis("""
                // .code64
                ff c3    // inc %ebx
                83 fb 01 // cmp $1, %ebx
                75 06    // jne 1f
                0f 30    // wrmsr
                0f 30    // wrmsr
                0f 30    // wrmsr
                48 cf    // 1: iretq
                """);
        guest.run("""
                // .code64
                b9 30 08 00 00 // mov $0x830, %ecx
                b8 00 04 00 00 // mov $0x400, %eax
                31 d2          // xor %edx, %edx
                0f 30          // wrmsr
                90             // nop
                e6 f4          // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(2);
    }

    /** The first is taken at once, the second waits: both came before the processor looked. */
    @Test
    void takesTwoNmis_thatCameTogether() {
        SystemGuest guest = countingNmis("""
                // .code64
                ff c3 // inc %ebx
                48 cf // iretq
                """);
        for (int i = 0; i < 3; i++) guest.vm().signalMsi(MESSAGES_TO_0, NMI_MESSAGE);
        guest.run("""
                // .code64
                90    // nop
                e6 f4 // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(2);
    }

    private SystemGuest countingNmis(String handler) {
        return long64WithApic().msr(APIC_BASE, X2APIC_ENABLED).handler(NMI, handler);
    }

    @Test
    void takesAnNmi_whileInterruptsAreDisabled() {
        SystemGuest guest = long64();
        guest.vcpu().events(nmi(true, false));
        assertThat(guest.run("""
                // .code64
                90 // nop
                """)).hasToString(event(NMI, CODE));
    }

    /** 9.3: HLT returns after the instruction. */
    @Test
    void wakesFromHalt() throws Exception {
        SystemGuest guest = long64WithApic().msr(APIC_BASE, X2APIC_ENABLED).msr(SPURIOUS, 0x1FF);
        guest.code(CODE, """
                // .code64
                ba 00 05 00 00 // mov $0x500, %edx
                ee             // out %al, %dx
                fb             // sti
                f4             // hlt
                90             // nop
                """);
        CompletableFuture<End> end = CompletableFuture.supplyAsync(guest::run);
        while (guest.written().isEmpty()) Thread.onSpinWait();
        guest.vm().signalMsi(MESSAGES_TO_0, VECTOR);
        assertThat(end.get(20, TimeUnit.SECONDS)).hasToString(event(VECTOR, CODE + 8));
    }

    @Test
    void refusesHalt_toUsers() {
        assertThat(long64().asUser().run("""
                // .code64
                f4 // hlt
                """)).hasToString(fault(GP, 0, CODE));
    }

    /** 11.8.6: CR8 is the task priority. */
    @Test
    void waits_untilTheTaskPriorityFalls() {
        SystemGuest guest = withApic();
        assertThat(guest.run("""
                // .code64
                b8 05 00 00 00 // mov $5, %eax
                44 0f 22 c0    // mov %rax, %cr8
                fb             // sti
                90             // nop
                90             // nop
                ff c8          // dec %eax
                44 0f 22 c0    // mov %rax, %cr8
                90             // nop
                """)).hasToString(event(VECTOR, CODE + 18));
    }

    @Test
    void refusesATaskPriorityAbove15() {
        assertThat(long64().run("""
                // .code64
                b8 10 00 00 00 // mov $16, %eax
                44 0f 22 c0    // mov %rax, %cr8
                """)).hasToString(fault(GP, 0, CODE + 5));
    }

    /**
     * An interrupt that a device raises stops a repeated string instruction between two items; RIP
     * is at it.
     */
    @Test
    void takesAnInterrupt_betweenIterations() {
        SystemGuest guest = long64WithApic().msr(APIC_BASE, X2APIC_ENABLED).msr(SPURIOUS, 0x1FF);
        guest.flags(IF).with(r -> r.withRcx(8).withRdi(DATA).withRdx(0x500));
        guest.answers(nth -> {
            if (nth == 2) guest.vm().signalMsi(MESSAGES_TO_0, VECTOR);
            return 0x40 + nth;
        });
        End end = guest.run("""
                // .code64
                f3 6c // rep insb
                """);
        assertThat(end).hasToString(event(VECTOR, CODE));
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(5);
        assertThat(guest.memory().getInt(DATA)).isEqualTo(0x42_4140);
        assertThat(end.flags() & RF).isNotZero();
    }

    /** In user-space mode HLT is the host's. */
    @Test
    void tellsTheHost_thatItHalts_withoutAnApic() {
        SystemGuest guest = long64().code(CODE, """
                // .code64
                f4 // hlt
                """);
        assertThat(guest.vcpu().run(guest.handler())).isEqualTo(VcpuExit.HALTED);
        assertThat(guest.rip()).isEqualTo(CODE + 1);
    }
}
