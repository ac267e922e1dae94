package dev.microvm.cpuid;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class GuestCpuidTest {
    private static final int TOPOLOGY_EXTENDED = 0x8000_001e;
    private static final int SIZES = 0x8000_0008;

    // Leaf 1: Intel SDM vol. 2A, CPUID, figures 3-7 and 3-8
    private static final int X2APIC = 1 << 21;
    private static final int TSC_DEADLINE = 1 << 24;
    private static final int HYPERVISOR = 1 << 31;
    private static final int HTT = 1 << 28;

    /**
     * What a host of two packages of 64 threads could give: each topology field says something
     * false for a guest.
     */
    private static final List<CpuidEntry> HOST = List.of(
            leaf(0x0, 0x1f, 0x6874_7541, 0x444d_4163, 0x6974_6e65), // AuthenticAMD
            leaf(0x1, 0x00a2_0f12, 0x7f40_0801, 0x0000_0001 | TSC_DEADLINE, 0x0000_0101 | HTT),
            subleaf(0x4, 0, 0xfc1f_c121, 0x01c0_003f, 0x3f, 0x1), // level 1 data, shared by 128
            subleaf(0x4, 1, 0xfc1f_c163, 0x02c0_003f, 0x7ff, 0x2), // level 3
            subleaf(0x4, 2, 0, 0, 0, 0), // no more
            subleaf(0x7, 0, 0x2, 0x1234, 0x5678, 0x9abc),
            subleaf(0xb, 0, 1, 2, 0x100, 77),
            subleaf(0xb, 1, 7, 128, 0x201, 77),
            subleaf(0x1f, 0, 1, 2, 0x100, 77),
            subleaf(0x1f, 1, 7, 128, 0x201, 77),
            leaf(0x4000_0000, 0x4000_0001, 0x4b4d_564b, 0x564b_4d56, 0x0000_004d),
            leaf(0x8000_0001, 0x00a2_0f12, 0, 0x0000_0105, 0x2c10_0800),
            leaf(SIZES, 0x3030, 0x1234_5678, 0x0003_7f7f | 0x0f00, 0x9),
            subleaf(0x8000_001d, 0, 0x001f_c121, 0x01c0_003f, 0x3f, 0),
            subleaf(0x8000_001d, 1, 0x001f_c163, 0x03c0_003f, 0x7ff, 0),
            leaf(TOPOLOGY_EXTENDED, 77, 0x0000_0126, 0x0000_0107, 0));

    private static CpuidEntry leaf(int function, int eax, int ebx, int ecx, int edx) {
        return new CpuidEntry(function, 0, /* indexed= */ false, eax, ebx, ecx, edx);
    }

    private static CpuidEntry subleaf(int function, int index, int eax, int ebx, int ecx, int edx) {
        return new CpuidEntry(function, index, /* indexed= */ true, eax, ebx, ecx, edx);
    }

    private static CpuidEntry find(List<CpuidEntry> table, int function, int index) {
        return table.stream()
                .filter(entry -> entry.function() == function && entry.index() == index)
                .findFirst()
                .orElseThrow();
    }

    private static CpuidEntry guest(int function, int index, int vcpu, int vcpus) {
        return find(GuestCpuid.forVcpu(HOST, vcpu, vcpus, /* tscDeadline= */ true), function, index);
    }

    @ParameterizedTest
    @CsvSource({"0, 1, 0x00010801", "1, 2, 0x01020801", "2, 3, 0x02030801", "7, 8, 0x07080801", "254, 255, -0x0100F7FF"
    })
    void saysApicIdAndCount_whenAVcpuAsksForFeatures(int vcpu, int vcpus, int ebx) {
        assertThat(guest(0x1, 0, vcpu, vcpus).ebx()).isEqualTo(ebx); // brand index and CLFLUSH size stay
    }

    @Test
    void saysTheLargestByte_whenCountOrIdIsLarger() {
        assertThat(guest(0x1, 0, 299, 300).ebx()).isEqualTo(0xffff_0801);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8, 255})
    void announcesAHypervisor_andX2Apic(int vcpus) {
        assertThat(guest(0x1, 0, 0, vcpus).ecx()).isEqualTo(1 | TSC_DEADLINE | X2APIC | HYPERVISOR);
    }

    @Test
    void hidesTheTscDeadlineTimer_whenThereIsNone() {
        List<CpuidEntry> table = GuestCpuid.forVcpu(HOST, 0, 1, /* tscDeadline= */ false);

        assertThat(find(table, 0x1, 0).ecx()).isEqualTo(1 | X2APIC | HYPERVISOR);
    }

    @Test
    void showsTheTscDeadlineTimer_whenOnlyTheHypervisorHasIt() {
        List<CpuidEntry> host = List.of(leaf(0x1, 0, 0, 0, 0));

        List<CpuidEntry> table = GuestCpuid.forVcpu(host, 0, 1, /* tscDeadline= */ true);

        assertThat(find(table, 0x1, 0).ecx()).isEqualTo(TSC_DEADLINE | X2APIC | HYPERVISOR);
    }

    @ParameterizedTest
    @CsvSource({"1, 0x101, 0x105", "2, 0x10000101, 0x107", "255, 0x10000101, 0x107"})
    void announcesSeveralThreads_whenThereAreSeveralVcpus(int vcpus, int features, int amdFeatures) {
        assertThat(guest(0x1, 0, 0, vcpus).edx()).isEqualTo(features); // HTT
        assertThat(guest(0x8000_0001, 0, 0, vcpus).ecx()).isEqualTo(amdFeatures); // CmpLegacy
    }

    @ParameterizedTest
    @CsvSource({
        // cores-1 rounded up in 31:26, sharing-1 in 25:14, type and level below
        "1, 0x00000121, 0x00000163",
        "2, 0x04000121, 0x04004163",
        "3, 0x0c000121, 0x0c008163",
        "8, 0x1c000121, 0x1c01c163",
        "255, -0x03fffedf, -0x03c07e9d"
    })
    void givesEachCoreItsOwnLowCaches_andAllOneHighCache(int vcpus, int level1, int level3) {
        assertThat(guest(0x4, 0, 0, vcpus).eax()).isEqualTo(level1);
        assertThat(guest(0x4, 1, 0, vcpus).eax()).isEqualTo(level3);
        assertThat(guest(0x4, 2, 0, vcpus).eax()).isZero();
        assertThat(guest(0x8000_001d, 0, 0, vcpus).eax()).isEqualTo(level1 & 0x03ff_ffff);
        assertThat(guest(0x8000_001d, 1, 0, vcpus).eax()).isEqualTo(level3 & 0x03ff_ffff);
    }

    @ParameterizedTest
    @CsvSource({
        "0xb, 0, 1, 0",
        "0xb, 1, 2, 1",
        "0xb, 2, 3, 2",
        "0xb, 7, 8, 3",
        "0xb, 254, 255, 8",
        "0xb, 256, 257, 9",
        "0x1f, 0, 1, 0",
        "0x1f, 1, 2, 1",
        "0x1f, 2, 3, 2",
        "0x1f, 7, 8, 3",
        "0x1f, 254, 255, 8"
    })
    void saysOneThreadACoreInOnePackage_whenTopologyIsAsked(int leaf, int vcpu, int vcpus, int apicIdBits) {
        List<CpuidEntry> table = GuestCpuid.forVcpu(HOST, vcpu, vcpus, /* tscDeadline= */ true);

        assertThat(table.stream().filter(entry -> entry.function() == leaf))
                .containsExactly(
                        subleaf(leaf, 0, 0, 1, 0x100, vcpu),
                        subleaf(leaf, 1, apicIdBits, vcpus, 0x201, vcpu),
                        subleaf(leaf, 2, 0, 0, 2, vcpu));
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "1, 0", "2, 1", "7, 3"})
    void saysThatNeighboursAreThreadsOfACore_whenThereAreTwoACore(int vcpu, int core) {
        List<CpuidEntry> table = GuestCpuid.forVcpu(HOST, vcpu, 8, /* threads= */ 2, /* tscDeadline= */ true);

        assertThat(table.stream().filter(entry -> entry.function() == 0xb))
                .containsExactly(
                        subleaf(0xb, 0, 1, 2, 0x100, vcpu),
                        subleaf(0xb, 1, 3, 8, 0x201, vcpu),
                        subleaf(0xb, 2, 0, 0, 2, vcpu));
        assertThat(find(table, 0x4, 0).eax()).isEqualTo(0x0c00_4121); // 4 cores, 2 threads share it
        assertThat(find(table, 0x4, 1).eax()).isEqualTo(0x0c01_c163); // 8 threads share it
        assertThat(find(table, 0x8000_001d, 0).eax()).isEqualTo(0x0000_4121);
        assertThat(find(table, TOPOLOGY_EXTENDED, 0)).isEqualTo(leaf(TOPOLOGY_EXTENDED, vcpu, 0x100 | core, 0, 0));
        assertThat(find(table, SIZES, 0).ecx()).isEqualTo(0x33f07);
        assertThat(find(table, 0x1, 0).ebx()).isEqualTo(vcpu << 24 | 0x080801);
    }

    @ParameterizedTest
    @CsvSource({
        // PerfTscSize 17:16 and reserved 11:8 stay; ApicIdSize 15:12, NC 7:0
        "1, 0x30f00",
        "2, 0x31f01",
        "3, 0x32f02",
        "8, 0x33f07",
        "255, 0x38ffe",
        "256, 0x38fff",
        "300, 0x39fff"
    })
    void reportsCoreCount_inTheLeavesOfAmd(int vcpus, int ecx) {
        CpuidEntry sizes = guest(SIZES, 0, 0, vcpus);

        assertThat(sizes).isEqualTo(leaf(SIZES, 0x3030, 0x1234_5678, ecx, 0x9));
    }

    @ParameterizedTest
    @CsvSource({"0, 1, 0", "1, 2, 1", "2, 3, 2", "7, 8, 7", "254, 255, 0xfe", "256, 257, 0"})
    void reportsApicIdAndCore_inTheLeavesOfAmd(int vcpu, int vcpus, int core) {
        assertThat(guest(TOPOLOGY_EXTENDED, 0, vcpu, vcpus)).isEqualTo(leaf(TOPOLOGY_EXTENDED, vcpu, core, 0, 0));
    }

    @Test
    void tellsOfThreadsInTheLeafOfAmd_whenTheHypervisorLeavesItOut() {
        List<CpuidEntry> older = new ArrayList<>(HOST);
        older.removeIf(entry -> entry.function() == TOPOLOGY_EXTENDED);
        older.add(leaf(0x8000_0000, 0x8000_001b, 1, 2, 3));

        List<CpuidEntry> table = GuestCpuid.forVcpu(older, 3, 4, /* threads= */ 2, /* tscDeadline= */ true);

        assertThat(find(table, 0x8000_0000, 0)).isEqualTo(leaf(0x8000_0000, TOPOLOGY_EXTENDED, 1, 2, 3));
        assertThat(find(table, 0x8000_0001, 0).ecx()).isEqualTo(0x0000_0107 | 1 << 22); // TopologyExtensions
        assertThat(find(table, TOPOLOGY_EXTENDED, 0)).isEqualTo(leaf(TOPOLOGY_EXTENDED, 3, 0x0000_0101, 0, 0));
    }

    @Test
    void keepsLeaves_thatAreNotTopology() {
        assertThat(GuestCpuid.forVcpu(HOST, 1, 2, /* tscDeadline= */ true))
                .contains(HOST.get(0), HOST.get(5), HOST.get(10));
    }

    @Test
    void addsNoLeaf_whenTheHypervisorHasNone() {
        assertThat(GuestCpuid.forVcpu(List.of(HOST.get(0)), 0, 1, /* tscDeadline= */ true))
                .containsExactly(HOST.get(0));
    }

    @Test
    void readsTheNameOfTheHypervisor_whenItGivesOne() {
        assertThat(GuestCpuid.hypervisorName(HOST)).isEqualTo("KVMKVMKVM");
        assertThat(GuestCpuid.hypervisorName(List.of())).isEmpty();
    }
}
