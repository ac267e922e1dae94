package dev.microvm.engine.cpu;

import static dev.microvm.hypervisor.SpecialRegisters.CR4_DE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_FSGSBASE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_MCE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_OSFXSR;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_OSXMMEXCPT;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_OSXSAVE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PAE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PCIDE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PGE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PSE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_SMAP;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_SMEP;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_TSD;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_UMIP;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LME;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_NXE;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_SCE;

import dev.microvm.cpuid.CpuFeature;
import dev.microvm.cpuid.CpuidEntry;
import java.util.List;

/**
 * What this CPU can do, a row for each bit of CPUID that it announces. Nothing else says which
 * features there are: {@link CpuidTable#supported} is made of these rows, and {@link Features} of
 * those that a machine shows its guest decides what executes.
 *
 * <p>A row may have bits of CR4 and EFER, which exist with the feature alone. Instructions that
 * need a feature are in {@code translate.RequiredFeature}, MSRs in {@link Msrs}.
 */
@SuppressWarnings("ImmutableEnumChecker") // a record of values
public enum Feature {
    // Leaf 1, EDX
    FPU("fpu"),
    DE("de", CR4_DE),
    PSE("pse", CR4_PSE),
    TSC("tsc", CR4_TSD),
    MSR("msr"),
    PAE("pae", CR4_PAE),
    MCE("mce", CR4_MCE),
    CX8("cx8"),
    APIC("apic"),
    SEP("sep"),
    MTRR("mtrr"),
    PGE("pge", CR4_PGE),
    MCA("mca"),
    CMOV("cmov"),
    PAT("pat"),
    PSE36("pse36"),
    CLFLUSH("clflush"),
    MMX("mmx"),
    FXSR("fxsr", CR4_OSFXSR),
    SSE("sse", CR4_OSXMMEXCPT),
    SSE2("sse2"),

    // Leaf 6, EAX: without it Linux does not trust the timer of an idle CPU, and lets the tick run
    ARAT("arat"),

    // Leaf 1, ECX
    SSE3("pni"),
    PCLMULQDQ("pclmulqdq"),
    SSSE3("ssse3"),
    CX16("cx16"),
    PCID("pcid", CR4_PCIDE),
    SSE4_1("sse4_1"),
    SSE4_2("sse4_2"),
    X2APIC("x2apic"),
    MOVBE("movbe"),
    POPCNT("popcnt"),
    TSC_DEADLINE("tsc_deadline_timer"),
    AES("aes"),
    XSAVE("xsave", CR4_OSXSAVE),
    RDRAND("rdrand"),
    HYPERVISOR("hypervisor"),

    // Leaf 7
    FSGSBASE("fsgsbase", CR4_FSGSBASE),
    TSC_ADJUST("tsc_adjust"),
    BMI1("bmi1"),
    SMEP("smep", CR4_SMEP),
    BMI2("bmi2"),
    ERMS("erms"),
    INVPCID("invpcid"),
    RDSEED("rdseed"),
    ADX("adx"),
    SMAP("smap", CR4_SMAP),
    CLFLUSHOPT("clflushopt"),
    CLWB("clwb"),
    SHA("sha_ni"),
    UMIP("umip", CR4_UMIP),
    RDPID("rdpid"),
    FSRM("fsrm"),
    SPEC_CTRL("spec_ctrl"),
    ARCH_CAPABILITIES("arch_capabilities"),
    BHI_CTRL("bhi_ctrl"),

    // Leaf 0xd: kinds of XSAVE
    XSAVEOPT("xsaveopt"),
    XSAVEC("xsavec"),
    XGETBV1("xgetbv1"),

    // Leaf 0x40000001: KVM's paravirtual interface, as far as the engine speaks it
    KVMCLOCK("kvmclock"),
    KVM_NO_IO_DELAY("kvm-nopiodelay"),
    KVMCLOCK2("kvmclock2"),
    KVM_PV_IPI("kvm-pv-ipi"),
    KVMCLOCK_STABLE("kvmclock-stable-bit"),

    // Extended leaves
    SYSCALL("syscall", 0, EFER_SCE),
    NX("nx", 0, EFER_NXE),
    GIB_PAGES("pdpe1gb"),
    RDTSCP("rdtscp"),
    LM("lm", 0, EFER_LME),
    LAHF_LM("lahf_lm"),
    CR8_LEGACY("cr8_legacy"),
    LZCNT("abm"),
    PREFETCHW("3dnowprefetch"),
    INVARIANT_TSC("constant_tsc");

    private final CpuFeature announcement;
    final long cr4;
    final long efer;

    Feature(String name) {
        this(name, 0);
    }

    Feature(String name, long cr4) {
        this(name, cr4, 0);
    }

    Feature(String name, long cr4, long efer) {
        this.announcement = CpuFeature.named(name).orElseThrow();
        this.cr4 = cr4;
        this.efer = efer;
    }

    /** The bit of CPUID that announces it. */
    public CpuFeature announcement() {
        return announcement;
    }

    /** Whether a table announces it. */
    boolean isIn(List<CpuidEntry> table) {
        return announcement.isIn(table);
    }

    /** The bits of a register of CPUID that all features of this CPU set there. */
    static int bits(int function, int index, CpuFeature.Register register) {
        int bits = 0;
        for (Feature feature : values()) {
            CpuFeature at = feature.announcement;
            if (at.function() == function && at.index() == index && at.register() == register) bits |= 1 << at.bit();
        }
        return bits;
    }
}
