package dev.microvm.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.cpuid.CpuidEntry;
import org.junit.jupiter.api.Test;

/** The records of a vCPU's state: what they print, copy and compare. */
final class RegistersTest {
    @Test
    void printsEveryRegister() {
        Registers registers = new Registers(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, -1, 0x1000, 0x202);

        assertThat(registers).hasToString("""
                rax=0000000000000001 rbx=0000000000000002 rcx=0000000000000003 rdx=0000000000000004
                rsi=0000000000000005 rdi=0000000000000006 rsp=0000000000000007 rbp=0000000000000008
                r8 =0000000000000009 r9 =000000000000000a r10=000000000000000b r11=000000000000000c
                r12=000000000000000d r13=000000000000000e r14=000000000000000f r15=ffffffffffffffff
                rip=0000000000001000 rflags=00000202""");
    }

    @Test
    void changesOneRegister_whenAskedForAnotherValue() {
        Registers changed = Registers.ZERO
                .withRax(1)
                .withRbx(2)
                .withRcx(3)
                .withRdx(4)
                .withRsi(5)
                .withRdi(6)
                .withRsp(7)
                .withRbp(8)
                .withRip(17)
                .withRflags(18);

        assertThat(changed).isEqualTo(new Registers(1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 17, 18));
    }

    @Test
    void printsSegmentsTablesAndControlRegisters() {
        assertThat(special()).hasToString("""
                cs=f000 base=f0000 limit=ffff  ss=0005 base=50  ds=0001 es=0002 fs=0003 gs=0004
                cr0=10 cr2=11 cr3=12 cr4=13 cr8=14 efer=15 apic_base=fee00900 gdt=5000+27 idt=6000+3ff""");
    }

    @Test
    void changesOnlyWhatIsNamed_whenSpecialRegistersAreChanged() {
        SegmentRegister code = SegmentRegister.code64(8);
        SegmentRegister data = SegmentRegister.flat32(16, SegmentRegister.TYPE_DATA);
        SegmentRegister task = SegmentRegister.systemSegment(24, SegmentRegister.TYPE_TSS_BUSY, 0x7000, 0x67);
        SegmentRegister local = SegmentRegister.systemSegment(32, SegmentRegister.TYPE_LDT, 0x7800, 0xf);
        DescriptorTable gdt = new DescriptorTable(1, 2);
        DescriptorTable idt = new DescriptorTable(3, 4);

        SpecialRegisters changed = special()
                .withSegments(code, data)
                .withTask(task, local)
                .withTables(gdt, idt)
                .withControl(0x20, 0x21, 0x22, 0x23);

        assertThat(changed)
                .isEqualTo(new SpecialRegisters(
                        code,
                        data,
                        data,
                        data,
                        data,
                        data,
                        task,
                        local,
                        gdt,
                        idt,
                        0x20,
                        0x11,
                        0x21,
                        0x22,
                        0x14,
                        0x23,
                        0xfee0_0900L));
    }

    @Test
    void takesBaseFromSelector_whenASegmentIsRealMode() {
        SegmentRegister segment = SegmentRegister.realMode(0xf000, SegmentRegister.TYPE_CODE);

        assertThat(segment.base()).isEqualTo(0xf_0000);
        assertThat(segment.limit()).isEqualTo(0xffff);
    }

    @Test
    void copiesTheFpuArea_whenItComesAndGoes() {
        byte[] area = new byte[576];
        FpuState state = new FpuState(area, 3);
        area[0] = 1;
        state.xsave()[0] = 1;

        assertThat(state).isEqualTo(new FpuState(new byte[576], 3)).hasSameHashCodeAs(new FpuState(new byte[576], 3));
        assertThat(state).isNotEqualTo(new FpuState(area, 3)).isNotEqualTo(new FpuState(new byte[576], 1));
        assertThat(state).hasToString("FpuState[xsave=576 bytes, xcr0=0x3]");
    }

    @Test
    void copiesTheLocalApic_whenItComesAndGoes() {
        byte[] page = new byte[LapicState.SIZE];
        LapicState state = new LapicState(page);
        page[0] = 1;
        state.registers()[0] = 1;

        assertThat(state)
                .isEqualTo(new LapicState(new byte[LapicState.SIZE]))
                .hasSameHashCodeAs(new LapicState(new byte[LapicState.SIZE]));
        assertThat(state).isNotEqualTo(new LapicState(page));
        assertThat(state).hasToString("LapicState[1024 bytes]");
    }

    @Test
    void isRefused_whenALocalApicHasAnotherSize() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LapicState(new byte[1023]))
                .withMessage("LAPIC state: 1024 bytes, was 1023");
    }

    @Test
    void printsSmallRecordsInHexadecimal() {
        assertThat(new MsrEntry(0xc000_0080, 0x500)).hasToString("msr 0xc0000080=0x500");
        assertThat(new CpuidEntry(0xb, 1, /* indexed= */ true, 1, 2, 0x201, -1))
                .hasToString("cpuid 0xb.1: eax=00000001 ebx=00000002 ecx=00000201 edx=ffffffff");
    }

    @Test
    void joinsReasonAndRemedy_whenAProbeHasBoth() {
        assertThat(new Probe(Probe.Support.LIMITED, "reason", "remedy").explanation())
                .isEqualTo("reason; remedy");
        assertThat(new Probe(Probe.Support.NONE, "reason", "").explanation()).isEqualTo("reason");
        assertThat(Probe.full().explanation()).isEmpty();
    }

    @Test
    void reportsWhatRuns_forEachDegreeOfSupport() {
        Probe none = new Probe(Probe.Support.NONE, "reason", "");
        Probe limited = new Probe(Probe.Support.LIMITED, "reason", "");

        assertThat(none.usable()).isFalse();
        assertThat(limited.usable()).isTrue();
        assertThat(limited.runsKernels()).isFalse();
        assertThat(Probe.full().runsKernels()).isTrue();
    }

    /** Each field another value. */
    private static SpecialRegisters special() {
        return new SpecialRegisters(
                SegmentRegister.realMode(0xf000, SegmentRegister.TYPE_CODE),
                SegmentRegister.realMode(1, SegmentRegister.TYPE_DATA),
                SegmentRegister.realMode(2, SegmentRegister.TYPE_DATA),
                SegmentRegister.realMode(3, SegmentRegister.TYPE_DATA),
                SegmentRegister.realMode(4, SegmentRegister.TYPE_DATA),
                SegmentRegister.realMode(5, SegmentRegister.TYPE_DATA),
                SegmentRegister.realMode(6, SegmentRegister.TYPE_TSS_BUSY),
                SegmentRegister.realMode(7, SegmentRegister.TYPE_LDT),
                new DescriptorTable(0x5000, 0x27),
                new DescriptorTable(0x6000, 0x3ff),
                0x10,
                0x11,
                0x12,
                0x13,
                0x14,
                0x15,
                0xfee0_0900L);
    }
}
