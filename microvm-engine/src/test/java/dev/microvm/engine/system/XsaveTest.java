package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.DATA;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.cpu.Feature;
import dev.microvm.hypervisor.FpuState;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** XCR0, the areas of XSAVE and the upper halves of YMM registers: Intel SDM vol. 1, chapter 13. */
final class XsaveTest extends FeatureProbes {
    private static final int XSTATE_BV = 512;
    private static final int XCOMP_BV = 520;
    private static final int YMM = 576;
    private static final long X87_SSE = 0b011;
    private static final long ALL = 0b111;
    private static final long COMPACTED = 1L << 63;
    private static final byte ONES = (byte) 0xFF;

    /** VPCMPEQD, which makes all bits of YMM0 1. */
    private static final String SET_YMM = """
            // .code64
            c5 fd 76 c0 // vpcmpeqd %ymm0, %ymm0, %ymm0
            """;

    private static final String ALL_COMPONENTS = """
            // .code64
            48 89 c7       // mov %rax, %rdi
            31 d2          // xor %edx, %edx
            b8 07 00 00 00 // mov $7, %eax
            """;

    private static final String XSAVEC = ALL_COMPONENTS + """
            // .code64
            0f c7 27 // xsavec (%rdi)
            """;

    /** XSETBV of what is in EAX. */
    private static final String XSETBV = """
            // .code64
            31 c9    // xor %ecx, %ecx
            31 d2    // xor %edx, %edx
            0f 01 d1 // xsetbv
            """;

    @Test
    void savesUpperHalves_whereTheyAreInUse_only() {
        SystemGuest unused = guest();
        assertThat(vector(unused, XSAVEC)).isEqualTo(End.DONE);
        assertThat(unused.memory().getLong(DATA + XSTATE_BV)).isEqualTo(X87_SSE);
        assertThat(unused.memory().getLong(DATA + XCOMP_BV)).isEqualTo(ALL | COMPACTED);

        SystemGuest used = guest();
        assertThat(vector(used, SET_YMM + XSAVEC)).isEqualTo(End.DONE);
        assertThat(used.memory().getLong(DATA + XSTATE_BV)).isEqualTo(ALL);
        assertThat(used.memory().getLong(DATA + YMM)).isEqualTo(-1);
        assertThat(used.memory().getLong(DATA + YMM + 16)).isZero();
    }

    @Test
    void tellsWhatIsInUse() {
        String inUse = """
                // .code64
                b9 01 00 00 00 // mov $1, %ecx
                0f 01 d0       // xgetbv
                """;
        SystemGuest guest = guest();
        assertThat(vector(guest, inUse)).isEqualTo(End.DONE);
        assertThat(guest.vcpu().registers().rax()).isEqualTo(X87_SSE);
        assertThat(vector(guest.with(r -> r.withRip(SystemGuest.CODE)), SET_YMM + inUse))
                .isEqualTo(End.DONE);
        assertThat(guest.vcpu().registers().rax()).isEqualTo(ALL);
    }

    @Test
    void clearsUpperHalves_thatAnAreaDoesNotHave() {
        SystemGuest guest = guest();
        guest.memory().putLong(DATA + XSTATE_BV, X87_SSE);
        guest.memory().putInt(DATA, 0x37F);
        assertThat(vector(guest, SET_YMM + ALL_COMPONENTS + """
                // .code64
                0f ae 2f // xrstor (%rdi)
                """)).isEqualTo(End.DONE);
        assertThat(guest.vcpu().fpuState().xsave()[YMM]).isZero();
    }

    @Test
    void saysHowLargeAnAreaIs_byWhatIsEnabled() {
        String leaf = """
                // .code64
                b8 0d 00 00 00 // mov $0xd, %eax
                31 c9          // xor %ecx, %ecx
                0f a2          // cpuid
                """;
        SystemGuest all = guest();
        assertThat(vector(all, leaf)).isEqualTo(End.DONE);
        assertThat(all.vcpu().registers().rax()).isEqualTo(ALL);
        assertThat(all.vcpu().registers().rbx()).isEqualTo(832);
        assertThat(all.vcpu().registers().rcx()).isEqualTo(832);

        SystemGuest some = guest().with(r -> r.withRax(X87_SSE));
        assertThat(vector(some, XSETBV + leaf)).isEqualTo(End.DONE);
        assertThat(some.vcpu().registers().rbx()).isEqualTo(576);
        assertThat(some.vcpu().registers().rcx()).isEqualTo(832);

        SystemGuest hidden = guest(Feature.AVX).with(r -> r.withRax(X87_SSE));
        assertThat(vector(hidden, XSETBV + leaf)).isEqualTo(End.DONE);
        assertThat(hidden.vcpu().registers().rax()).isEqualTo(X87_SSE);
        assertThat(hidden.vcpu().registers().rcx()).isEqualTo(576);
    }

    @Test
    void enablesUpperHalves_withTheLowerOnesAlone() {
        assertThat(vector(guest().with(r -> r.withRax(ALL)), XSETBV)).isEqualTo(End.DONE);
        assertThat(vector(guest().with(r -> r.withRax(0b101)), XSETBV)).isEqualTo(GP);
        assertThat(vector(guest(Feature.AVX).with(r -> r.withRax(ALL)), XSETBV)).isEqualTo(GP);
    }

    @Test
    void hasNoVectorInstructions_untilTheyAreEnabled() {
        assertThat(vector(guest().with(r -> r.withRax(X87_SSE)), XSETBV + SET_YMM))
                .isEqualTo(UD);
        assertThat(vector(guest().with(r -> r.withRax(ALL)), XSETBV + SET_YMM)).isEqualTo(End.DONE);
    }

    /** The state of a vCPU from a time, or a machine, without AVX. */
    @Test
    void clearsUpperHalves_thatAStateDoesNotHave() {
        SystemGuest guest = guest();
        assertThat(vector(guest, SET_YMM)).isEqualTo(End.DONE);
        byte[] area = guest.vcpu().fpuState().xsave();
        assertThat(area).hasSize(832);
        assertThat(Arrays.copyOfRange(area, YMM, YMM + 16)).containsOnly(ONES);

        guest.vcpu().fpuState(new FpuState(Arrays.copyOf(area, YMM), ALL));
        assertThat(guest.vcpu().fpuState().xsave()[YMM]).isZero();

        ByteBuffer.wrap(area).order(ByteOrder.LITTLE_ENDIAN).putLong(XSTATE_BV, X87_SSE);
        guest.vcpu().fpuState(new FpuState(area, ALL));
        assertThat(guest.vcpu().fpuState().xsave()[YMM]).isZero();
    }
}
