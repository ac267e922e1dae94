package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.IF;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.cpu.Feature;
import dev.microvm.hypervisor.Registers;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Calls of KVM's paravirtual interface: Linux Documentation/virt/kvm/x86/hypercalls.rst. */
final class HypercallTest extends FeatureProbes {
    private static final long EPERM = -1;
    private static final long EINVAL = -22;
    private static final long ENOSYS = -1000;
    private static final int SEND_IPI = 10;
    private static final int VECTOR = 0x51;
    private static final int APIC_BASE = 0x1B;
    private static final long X2APIC_ENABLED = 0xFEE0_0D00L;
    private static final int SPURIOUS = 0x80F; // x2APIC registers: Intel SDM vol. 3A, table 11-6

    private static final String VMCALL = """
            // .code64
            0f 01 c1 // vmcall
            """;
    private static final String VMMCALL = """
            // .code64
            0f 01 d9 // vmmcall
            """;

    private static long call(SystemGuest guest, long number) {
        assertThat(vector(guest.with(r -> r.withRax(number)), VMCALL)).isEqualTo(End.DONE);
        return guest.vcpu().registers().rax();
    }

    /** KICK_CPU, SCHED_YIELD and the rest are not announced, and so not there. */
    @ParameterizedTest
    @CsvSource({"0", "2", "5", "9", "11", "12", "1000", "-1"})
    void knowsNoOtherCall(long number) {
        assertThat(call(guest(), number)).isEqualTo(ENOSYS);
    }

    @Test
    void hasNothingToPoll() {
        assertThat(call(guest(), 1)).isZero();
    }

    @Test
    void knowsTheInstructionOfAmdToo() {
        SystemGuest guest = guest().with(r -> r.withRax(1));
        assertThat(vector(guest, VMMCALL)).isEqualTo(End.DONE);
        assertThat(guest.vcpu().registers().rax()).isZero();
    }

    @Test
    void refusesUsers() {
        SystemGuest guest = guest().asUser().with(r -> r.withRax(1));
        assertThat(vector(guest, VMCALL)).isEqualTo(End.DONE);
        assertThat(guest.vcpu().registers().rax()).isEqualTo(EPERM);
    }

    @Test
    void seesLowHalvesAlone_outsideOf64BitMode() {
        SystemGuest guest = protected32().with(r -> r.withRax(0x77));
        guest.run("""
                // .code32
                0f 01 c1 // vmcall
                e6 f4    // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rax()).isEqualTo(ENOSYS & 0xFFFF_FFFFL);
    }

    @Test
    void isUndefined_whereNoHypervisorIsAnnounced() {
        assertThat(vector(guest(Feature.HYPERVISOR), VMCALL)).isEqualTo(UD);
        assertThat(vector(guest(Feature.HYPERVISOR), VMMCALL)).isEqualTo(UD);
    }

    // KVM_HC_SEND_IPI

    private SystemGuest sending(long low, long high, long firstId, long command) {
        return guest().msr(APIC_BASE, X2APIC_ENABLED)
                .msr(SPURIOUS, 0x1FF)
                .flags(IF)
                .with(r -> registers(r, low, high, firstId, command));
    }

    private static Registers registers(Registers r, long low, long high, long firstId, long command) {
        return r.withRax(SEND_IPI).withRbx(low).withRcx(high).withRdx(firstId).withRsi(command);
    }

    @Test
    void sendsAnInterrupt_toThoseThatAreThere() {
        SystemGuest guest = sending(0b101, 1, 0, VECTOR);
        assertThat(vector(guest, VMCALL)).isEqualTo(VECTOR);
        assertThat(guest.vcpu().registers().rax()).isEqualTo(1);
    }

    @Test
    void sendsToBothBitmaps_fromAnIdOn() {
        SystemGuest guest = sending(0, 1, -64, VECTOR);
        assertThat(vector(guest, VMCALL)).isEqualTo(VECTOR);
    }

    @Test
    void sendsNothing_toIdsThatNobodyHas() {
        SystemGuest guest = sending(-1, -1, 1, VECTOR);
        assertThat(vector(guest, VMCALL)).isEqualTo(End.DONE);
        assertThat(guest.vcpu().registers().rax()).isZero();
    }

    @Test
    void sendsAnNmi() {
        assertThat(vector(sending(1, 0, 0, 0x400), VMCALL)).isEqualTo(NMI);
    }

    @Test
    void refusesLogicalDestinationsAndShorthands() {
        assertThat(vector(sending(1, 0, 0, VECTOR | 1 << 11), VMCALL)).isEqualTo(End.DONE);
        SystemGuest guest = sending(1, 0, 0, VECTOR | 1 << 18);
        assertThat(vector(guest, VMCALL)).isEqualTo(End.DONE);
        assertThat(guest.vcpu().registers().rax()).isEqualTo(EINVAL);
    }

    @Test
    void knowsNoSending_whereItIsHidden() {
        assertThat(call(guest(Feature.KVM_PV_IPI), SEND_IPI)).isEqualTo(ENOSYS);
        assertThat(call(hiding(long64()), SEND_IPI)).as("without an APIC").isEqualTo(ENOSYS);
    }
}
