package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.*;
import static dev.microvm.hypervisor.MsrNumbers.*;
import static dev.microvm.hypervisor.SpecialRegisters.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.cpuid.CpuFeature;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.cpuid.CpuidPolicy;
import dev.microvm.engine.cpu.Feature;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * CPUID is the truth: what it announces works, and what it hides faults as on a processor without
 * it. Each {@link Feature} has probes, here or in {@link RequiredFeatureTest}, or is among those
 * that no code can miss.
 */
final class FeatureTest extends FeatureProbes {
    private static final long LAPIC_X2APIC = 0xFEE0_0D00L;
    private static final long GIB = 1 << 30;

    /** Features of speed, and words to the guest: nothing is missing without them. */
    private static final Set<Feature> NOT_MISSED = EnumSet.of(
            Feature.ARAT, // boot's LinuxIdleTest
            Feature.ERMS,
            Feature.FSRM,
            Feature.HYPERVISOR, // HypercallTest
            Feature.KVM_NO_IO_DELAY,
            Feature.KVM_PV_IPI, // HypercallTest
            Feature.KVMCLOCK_STABLE,
            Feature.INVARIANT_TSC,
            Feature.PREFETCHW,
            Feature.LZCNT);

    /** Bits of CR4 and the features they exist with: Intel SDM vol. 3A, 2.5. */
    private static final List<ControlBit> CONTROL_BITS = List.of(
            new ControlBit(Feature.TSC, CR4_TSD),
            new ControlBit(Feature.DE, CR4_DE),
            new ControlBit(Feature.PSE, CR4_PSE),
            new ControlBit(Feature.PAE, CR4_PAE),
            new ControlBit(Feature.MCE, CR4_MCE),
            new ControlBit(Feature.PGE, CR4_PGE),
            new ControlBit(Feature.FXSR, CR4_OSFXSR),
            new ControlBit(Feature.SSE, CR4_OSXMMEXCPT),
            new ControlBit(Feature.UMIP, CR4_UMIP),
            new ControlBit(Feature.FSGSBASE, CR4_FSGSBASE),
            new ControlBit(Feature.XSAVE, CR4_OSXSAVE),
            new ControlBit(Feature.PCID, CR4_PCIDE),
            new ControlBit(Feature.SMEP, CR4_SMEP),
            new ControlBit(Feature.SMAP, CR4_SMAP));

    /** MSRs and the features they exist with: Intel SDM vol. 4, table 2-2. */
    private static final List<ModelRegister> MODEL_REGISTERS = List.of(
            new ModelRegister(Feature.TSC, IA32_TIME_STAMP_COUNTER),
            new ModelRegister(Feature.APIC, IA32_APIC_BASE),
            new ModelRegister(Feature.TSC_ADJUST, IA32_TSC_ADJUST),
            new ModelRegister(Feature.SPEC_CTRL, 0x48),
            new ModelRegister(Feature.MTRR, 0xFE),
            new ModelRegister(Feature.MTRR, 0x200),
            new ModelRegister(Feature.MTRR, 0x20F),
            new ModelRegister(Feature.MTRR, 0x250),
            new ModelRegister(Feature.MTRR, 0x26F),
            new ModelRegister(Feature.MTRR, IA32_MTRR_DEF_TYPE),
            new ModelRegister(Feature.ARCH_CAPABILITIES, 0x10A),
            new ModelRegister(Feature.SEP, IA32_SYSENTER_CS),
            new ModelRegister(Feature.SEP, IA32_SYSENTER_EIP),
            new ModelRegister(Feature.MCA, 0x179),
            new ModelRegister(Feature.MCA, 0x17A),
            new ModelRegister(Feature.PAT, 0x277),
            new ModelRegister(Feature.TSC_DEADLINE, IA32_TSC_DEADLINE),
            new ModelRegister(Feature.SYSCALL, IA32_STAR),
            new ModelRegister(Feature.SYSCALL, IA32_FMASK),
            new ModelRegister(Feature.LM, IA32_FS_BASE),
            new ModelRegister(Feature.LM, IA32_KERNEL_GS_BASE),
            new ModelRegister(Feature.KVMCLOCK, MSR_KVM_WALL_CLOCK),
            new ModelRegister(Feature.KVMCLOCK, MSR_KVM_SYSTEM_TIME),
            new ModelRegister(Feature.KVMCLOCK2, MSR_KVM_WALL_CLOCK_NEW),
            new ModelRegister(Feature.KVMCLOCK2, MSR_KVM_SYSTEM_TIME_NEW));

    /** Values of MSRs that need a feature. */
    private static final List<ModelValue> MODEL_VALUES = List.of(
            new ModelValue(Feature.SYSCALL, IA32_EFER, EFER_LME | EFER_LMA | EFER_SCE),
            new ModelValue(Feature.NX, IA32_EFER, EFER_LME | EFER_LMA | EFER_NXE),
            new ModelValue(Feature.LM, IA32_EFER, EFER_LME | EFER_LMA),
            new ModelValue(Feature.BHI_CTRL, 0x48, 1 << 10),
            new ModelValue(Feature.X2APIC, IA32_APIC_BASE, LAPIC_X2APIC));

    record ControlBit(Feature feature, long bit) {}

    record ModelRegister(Feature feature, int index) {}

    record ModelValue(Feature feature, int index, long value) {}

    // What each does

    static List<ControlBit> controlBits() {
        return CONTROL_BITS;
    }

    @ParameterizedTest
    @MethodSource("controlBits")
    void takesABitOfCr4_whereItsFeatureIsAnnounced_only(ControlBit bit) {
        assertThat(setCr4(guest(), bit.bit())).isNotEqualTo(GP);
        assertThat(setCr4(guest(bit.feature()), bit.bit())).isEqualTo(GP);
    }

    /** Sets a bit as the guest; SMEP makes the next fetch a page fault. */
    private static int setCr4(SystemGuest guest, long bit) {
        long value = guest.vcpu().specialRegisters().cr4() & CR4_PAE;
        return vector(guest.with(r -> r.withRax(value | bit)), """
                // .code64
                0f 22 e0 // mov %rax, %cr4
                """);
    }

    @Test
    void reservesEveryBitOfCr4_thatNoFeatureHas() {
        long known = CR4_PCE;
        for (ControlBit each : CONTROL_BITS) known |= each.bit();
        for (int bit = 0; bit < Long.SIZE; bit++) {
            boolean reserved = (known >>> bit & 1) == 0;
            assertThat(setCr4(guest(), 1L << bit) == GP).as("bit %d", bit).isEqualTo(reserved);
        }
    }

    static List<ModelRegister> modelRegisters() {
        return MODEL_REGISTERS;
    }

    @ParameterizedTest
    @MethodSource("modelRegisters")
    void hasAnMsr_whereItsFeatureIsAnnounced_only(ModelRegister register) {
        assertThat(read(guest(), register.index())).isEqualTo(End.DONE);
        assertThat(read(guest(register.feature()), register.index())).isEqualTo(GP);
    }

    private static int read(SystemGuest guest, int index) {
        return vector(guest.with(r -> r.withRcx(index)), """
                // .code64
                0f 32 // rdmsr
                """);
    }

    static List<ModelValue> modelValues() {
        return MODEL_VALUES;
    }

    @ParameterizedTest
    @MethodSource("modelValues")
    void takesAValueOfAnMsr_whereItsFeatureIsAnnounced_only(ModelValue value) {
        assertThat(write(guest(), value.index(), value.value())).isEqualTo(End.DONE);
        assertThat(write(guest(value.feature()), value.index(), value.value())).isEqualTo(GP);
    }

    private static int write(SystemGuest guest, int index, long value) {
        return vector(
                guest.with(r -> r.withRcx(index).withRax(value & 0xFFFF_FFFFL).withRdx(value >>> 32)), """
                        // .code64
                        0f 30 // wrmsr
                        """);
    }

    // What is not so simple

    @Test
    void keepsTheProcessorsNumber_forEitherInstructionThatReadsIt() {
        assertThat(read(guest(Feature.RDTSCP), IA32_TSC_AUX)).isEqualTo(End.DONE);
        assertThat(read(guest(Feature.RDPID), IA32_TSC_AUX)).isEqualTo(End.DONE);
        assertThat(read(guest(Feature.RDTSCP, Feature.RDPID), IA32_TSC_AUX)).isEqualTo(GP);
    }

    @Test
    void knowsNoEfer_withoutAnyFeatureOfIt() {
        assertThat(read(guest(Feature.SYSCALL, Feature.NX, Feature.LM), IA32_EFER))
                .isEqualTo(GP);
    }

    /** AMD APM vol. 3: LZCNT and TZCNT are BSR and BSF where they are unknown. */
    @ParameterizedTest
    @EnumSource(
            value = Feature.class,
            names = {"LZCNT", "BMI1"})
    void scans_whereItDoesNotCountZeros(Feature hidden) {
        SystemGuest guest = guest(hidden).with(r -> r.withRbx(77).withRcx(77));
        assertThat(vector(guest, """
                // .code64
                31 d2       // xor %edx, %edx
                f3 0f bd da // lzcnt %edx, %ebx
                f3 0f bc ca // tzcnt %edx, %ecx
                """)).isEqualTo(End.DONE);
        // of 0 the counts are 32, and the scans leave the target as it is
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(hidden == Feature.LZCNT ? 77 : Integer.SIZE);
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(hidden == Feature.BMI1 ? 77 : Integer.SIZE);
    }

    @Test
    void refusesXgetbvOfWhatIsInUse_whereItIsHidden() {
        String inUse = """
                // .code64
                b1 01    // mov $1, %cl
                0f 01 d0 // xgetbv
                """;
        assertThat(vector(guest(), inUse)).isEqualTo(End.DONE);
        assertThat(vector(guest(Feature.XGETBV1), inUse)).isEqualTo(GP);
    }

    @Test
    void refusesPagesOfAGibibyte_whereTheyAreHidden() {
        assertThat(loadFromGibPage(guest())).hasToString("done");
        assertThat(loadFromGibPage(guest(Feature.GIB_PAGES))).hasToString(fault(PF, PF_PRESENT | PF_RESERVED, CODE));
    }

    private static End loadFromGibPage(SystemGuest guest) {
        guest.memory().putLong(POINTERS + Long.BYTES, ALL | LARGE); // 1 GiB from 0
        return guest.with(r -> r.withRax(GIB + DATA)).run("""
                // .code64
                8b 10 // mov (%rax), %edx
                e6 f4 // out %al, $0xf4
                """);
    }

    /** Intel SDM vol. 3A, table 4-4: bits 13 up of a 4-MiB page are address only with PSE-36. */
    @Test
    void refusesLargePagesBeyond4Gib_withoutPse36() {
        assertThat(loadFromHighPage(protected32())).hasToString("done");
        assertThat(loadFromHighPage(hiding(protected32(), Feature.PSE36)))
                .hasToString(fault(PF, PF_PRESENT | PF_RESERVED, CODE));
    }

    private static End loadFromHighPage(SystemGuest guest) {
        guest.memory().putInt(DIRECTORY_32 + Integer.BYTES, (int) (ALL | LARGE | 1 << 13)); // 4 GiB
        return guest.paging(CR4_PSE).with(r -> r.withRax(4 << 20)).run("""
                // .code32
                8b 10 // mov (%eax), %edx
                e6 f4 // out %al, $0xf4
                """);
    }

    /** Fewer bits of physical addresses reserve the rest, in page tables, CR3 and the APIC's base. */
    @Test
    void reservesAddressBits_thatCpuidDoesNotHave() {
        assertThat(write(narrow(), IA32_APIC_BASE, 1L << 36 | 0xFEE0_0900L)).isEqualTo(GP);
        assertThat(write(guest(), IA32_APIC_BASE, 1L << 36 | 0xFEE0_0900L)).isEqualTo(End.DONE);
        assertThat(write(guest(), IA32_APIC_BASE, 1L << 40 | 0xFEE0_0900L)).isEqualTo(GP);
        String load = """
                // .code64
                0f 22 d8 // mov %rax, %cr3
                """;
        assertThat(vector(narrow().with(r -> r.withRax(1L << 36 | PML4)), load)).isEqualTo(GP);
        assertThat(vector(narrow().map(DATA, 1L << 36 | ALL), """
                // .code64
                8b 10 // mov (%rax), %edx
                """)).isEqualTo(PF);
    }

    private SystemGuest narrow() {
        SystemGuest guest = guest();
        CpuidEntry sizes = new CpuidEntry(0x8000_0008, 0, false, 48 << 8 | 36, 0, 0, 0);
        guest.vcpu().cpuid(CpuidPolicy.NONE.with(sizes).apply(guest.vm().supportedCpuid()));
        return guest;
    }

    /** The paravirtual interface is KVM's only where CPUID says so. */
    @Test
    void speaksNoKvm_whereTheHypervisorIsHidden() {
        assertThat(read(guest(Feature.HYPERVISOR), MSR_KVM_SYSTEM_TIME_NEW)).isEqualTo(GP);
        SystemGuest nameless = guest();
        CpuidEntry noName = new CpuidEntry(0x4000_0000, 0, false, 0, 0, 0, 0);
        nameless.vcpu().cpuid(CpuidPolicy.NONE.with(noName).apply(nameless.vm().supportedCpuid()));
        assertThat(read(nameless, MSR_KVM_SYSTEM_TIME_NEW)).isEqualTo(GP);
    }

    /** Intel SDM vol. 3A, 11.4.3: CPUID reports no APIC while IA32_APIC_BASE disables it. */
    @Test
    void announcesTheApic_whileItIsEnabled() {
        assertThat(apicAnnounced(0xFEE0_0900L)).isTrue();
        assertThat(apicAnnounced(0xFEE0_0100L)).isFalse();
    }

    private boolean apicAnnounced(long base) {
        SystemGuest guest = guest().with(r -> r.withRcx(IA32_APIC_BASE).withRax(base));
        vector(guest, """
                // .code64
                0f 30          // wrmsr
                b8 01 00 00 00 // mov $1, %eax
                0f a2          // cpuid
                """);
        return (guest.vcpu().registers().rdx() >>> 9 & 1) != 0;
    }

    @Test
    void translatesAnew_whenTheTableChanges() {
        SystemGuest guest = guest();
        String count = """
                // .code64
                f3 0f b8 d0 // popcnt %eax, %edx
                """;
        assertThat(vector(guest, count)).isEqualTo(End.DONE);
        hiding(guest, Feature.POPCNT).with(r -> r.withRip(CODE));
        assertThat(vector(guest, count)).isEqualTo(UD);
    }

    // The table itself

    @Test
    void announcesWhatIsInTheTable_andNothingElse() {
        List<CpuFeature> offered = CpuFeature.in(long64WithApic().vm().supportedCpuid());
        assertThat(offered)
                .containsExactlyInAnyOrderElementsOf(Arrays.stream(Feature.values())
                        .map(Feature::announcement)
                        .toList());
    }

    @Test
    void hasAProbeForEachFeature() {
        List<Feature> probed = new ArrayList<>(NOT_MISSED);
        probed.addAll(RequiredFeatureTest.features());
        CONTROL_BITS.forEach(each -> probed.add(each.feature()));
        MODEL_REGISTERS.forEach(each -> probed.add(each.feature()));
        MODEL_VALUES.forEach(each -> probed.add(each.feature()));
        probed.addAll(List.of(Feature.XGETBV1, Feature.GIB_PAGES, Feature.PSE36));
        assertThat(probed).contains(Feature.values());
    }
}
