package dev.microvm.cpuid;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class CpuidPolicyTest {
    private static final int SSE4_2 = 1 << 20; // leaf 1, ECX: Intel SDM vol. 2A, CPUID, table 3-10
    private static final int POPCNT = 1 << 23;

    private static final List<CpuidEntry> TABLE = List.of(
            leaf(0x1, 0xf61, 0x0302_0800, SSE4_2 | POPCNT, 1),
            new CpuidEntry(0x7, 0, true, 0, 1 << 9, 0, 0),
            new CpuidEntry(0x7, 1, true, 0, 0, 0, 0),
            leaf(0x8000_0002, 1, 2, 3, 4));

    private static CpuidEntry leaf(int function, int eax, int ebx, int ecx, int edx) {
        return new CpuidEntry(function, 0, false, eax, ebx, ecx, edx);
    }

    private static CpuFeature named(String name) {
        return CpuFeature.named(name).orElseThrow();
    }

    /** Intel SDM vol. 2A, CPUID, tables 3-8 to 3-11; AMD APM vol. 3, E.4; Linux cpuid.rst. */
    @ParameterizedTest
    @CsvSource({
        "fpu, 0x1, 0, EDX, 0",
        "apic, 0x1, 0, EDX, 9",
        "sse2, 0x1, 0, EDX, 26",
        "pbe, 0x1, 0, EDX, 31",
        "pni, 0x1, 0, ECX, 0",
        "pcid, 0x1, 0, ECX, 17",
        "sse4_2, 0x1, 0, ECX, 20",
        "x2apic, 0x1, 0, ECX, 21",
        "tsc_deadline_timer, 0x1, 0, ECX, 24",
        "xsave, 0x1, 0, ECX, 26",
        "rdrand, 0x1, 0, ECX, 30",
        "hypervisor, 0x1, 0, ECX, 31",
        "avx2, 0x7, 0, EBX, 5",
        "erms, 0x7, 0, EBX, 9",
        "rdseed, 0x7, 0, EBX, 18",
        "smap, 0x7, 0, EBX, 20",
        "avx512vl, 0x7, 0, EBX, 31",
        "umip, 0x7, 0, ECX, 2",
        "la57, 0x7, 0, ECX, 16",
        "rdpid, 0x7, 0, ECX, 22",
        "fsrm, 0x7, 0, EDX, 4",
        "md_clear, 0x7, 0, EDX, 10",
        "serialize, 0x7, 0, EDX, 14",
        "spec_ctrl, 0x7, 0, EDX, 26",
        "arch_capabilities, 0x7, 0, EDX, 29",
        "spec_ctrl_ssbd, 0x7, 0, EDX, 31",
        "avx_vnni, 0x7, 1, EAX, 4",
        "xsaves, 0xd, 1, EAX, 3",
        "kvmclock2, 0x40000001, 0, EAX, 3",
        "kvm-pv-ipi, 0x40000001, 0, EAX, 11",
        "kvmclock-stable-bit, 0x40000001, 0, EAX, 24",
        "syscall, -2147483647, 0, EDX, 11",
        "nx, -2147483647, 0, EDX, 20",
        "pdpe1gb, -2147483647, 0, EDX, 26",
        "lm, -2147483647, 0, EDX, 29",
        "abm, -2147483647, 0, ECX, 5",
        "topoext, -2147483647, 0, ECX, 22",
        "mwaitx, -2147483647, 0, ECX, 29",
        "constant_tsc, -2147483641, 0, EDX, 8",
        "amd_ibpb, -2147483640, 0, EBX, 12",
        "virt_ssbd, -2147483640, 0, EBX, 25"
    })
    void knowsWhereAFeatureIs(String name, int function, int index, CpuFeature.Register register, int bit) {
        assertThat(named(name)).isEqualTo(new CpuFeature(name, function, index, register, bit));
    }

    @Test
    void hasNoTwoFeatures_ofTheSameBit() {
        assertThat(CpuFeature.all()).extracting(CpuFeature::bit).allMatch(bit -> bit >= 0 && bit < Integer.SIZE);
        assertThat(CpuFeature.all().stream()
                        .map(each -> List.of(each.function(), each.index(), each.register(), each.bit())))
                .doesNotHaveDuplicates();
        assertThat(CpuFeature.named("avx9")).isEmpty();
    }

    @Test
    void listsWhatATableAnnounces() {
        assertThat(CpuFeature.in(TABLE))
                .extracting(CpuFeature::name)
                .containsExactly("fpu", "sse4_2", "popcnt", "erms");
    }

    @Test
    void hidesAndShowsFeatures() {
        CpuidPolicy policy = CpuidPolicy.NONE.with(named("sse4_2"), false).with(named("popcnt"), true);
        assertThat(policy.problems(TABLE, "kvm")).isEmpty();
        assertThat(policy.apply(TABLE).getFirst().ecx()).isEqualTo(POPCNT);
        assertThat(policy.apply(TABLE).subList(1, 4)).isEqualTo(TABLE.subList(1, 4));
        assertThat(policy).hasToString("-sse4_2, +popcnt");
        assertThat(CpuidPolicy.NONE.apply(TABLE)).isEqualTo(TABLE);
    }

    @Test
    void refusesAFeature_thatTheHypervisorDoesNotHave() {
        assertThat(CpuidPolicy.NONE.with(named("avx2"), true).problems(TABLE, "kvm"))
                .containsExactly(
                        "cpuFeature: avx2 is ON, but kvm does not offer it on this host: leave it out, or use another host");
    }

    @Test
    void replacesEntries_andKeepsTheIdentityOfTheCpu() {
        CpuidEntry signature = leaf(0x1, 0x806f8, 0x7f7f_1001, POPCNT, 1);
        CpuidEntry brand = leaf(0x8000_0002, 5, 6, 7, 8);
        CpuidEntry added = leaf(0x4000_0100, 9, 0, 0, 0);
        CpuidPolicy policy =
                CpuidPolicy.NONE.with(brand).with(signature).with(added).with(named("popcnt"), false);
        assertThat(policy.problems(TABLE, "kvm")).isEmpty();
        assertThat(policy.apply(TABLE))
                .containsExactly(leaf(0x1, 0x806f8, 0x0302_1001, 0, 1), TABLE.get(1), TABLE.get(2), brand, added);
    }

    @Test
    void refusesEntries_thatTheHypervisorOrTheMachineCannotProvide() {
        CpuidPolicy policy = CpuidPolicy.NONE
                .with(new CpuidEntry(0x7, 0, true, 0, 1 << 9 | 1 << 5, 0, 0))
                .with(new CpuidEntry(0xb, 0, true, 0, 1, 0, 0));
        assertThat(policy.problems(TABLE, "engine"))
                .containsExactly(
                        "cpuidLeaf: 0x7.0 EBX=0x00000220 has bits that engine does not offer on this host: clear 0x00000020",
                        "cpuidLeaf: 0xb is filled in for each vCPU by the machine: leave it out");
    }

    /** More address bits than there are would be a promise that page tables cannot keep. */
    @Test
    void refusesLongerAddresses_thanTheHypervisorHas() {
        List<CpuidEntry> offered = List.of(leaf(0x8000_0008, 48 << 8 | 40, 0, 0, 0));
        assertThat(CpuidPolicy.NONE
                        .with(leaf(0x8000_0008, 48 << 8 | 36, 0, 0, 0))
                        .problems(offered, "engine"))
                .isEmpty();
        assertThat(CpuidPolicy.NONE
                        .with(leaf(0x8000_0008, 48 << 8 | 46, 0, 0, 0))
                        .problems(offered, "engine"))
                .containsExactly(
                        "cpuidLeaf: 0x80000008 EAX=0x0000302e has longer addresses than engine on this host: at most 40 bits physical (bits 0 to 7), 48 linear (bits 8 to 15)");
        assertThat(CpuidPolicy.NONE
                        .with(leaf(0x8000_0008, 57 << 8 | 40, 0, 0, 0))
                        .problems(offered, "engine"))
                .hasSize(1);
    }
}
