package dev.microvm.cpuid;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * One feature of a CPU, announced by one bit of CPUID.
 *
 * <p>Names are those that Linux shows in {@code /proc/cpuinfo}
 * (arch/x86/include/asm/cpufeatures.h). Features of KVM's paravirtual interface are not shown
 * there; they have their QEMU names (target/i386/cpu.c), with {@code kvmclock2} for
 * KVM_FEATURE_CLOCKSOURCE2. {@code bhi_ctrl} (BHI_DIS_S) is not shown there either. Bits: Intel SDM
 * vol. 2A, CPUID; AMD APM vol. 3, appendix E; Linux Documentation/virt/kvm/x86/cpuid.rst.
 *
 * @param name name in lower case
 * @param function leaf, as in EAX
 * @param index sub-leaf, as in ECX
 * @param register result register that holds the bit
 * @param bit number of the bit, 0 to 31
 */
public record CpuFeature(String name, int function, int index, Register register, int bit) {
    /** A result register of CPUID. */
    public enum Register {
        EAX,
        EBX,
        ECX,
        EDX;

        /** Returns the value of this register in an entry. */
        public int of(CpuidEntry entry) {
            Objects.requireNonNull(entry, "entry");
            return switch (this) {
                case EAX -> entry.eax();
                case EBX -> entry.ebx();
                case ECX -> entry.ecx();
                case EDX -> entry.edx();
            };
        }

        /** Returns the entry with another value of this register. */
        CpuidEntry in(CpuidEntry entry, int value) {
            return entry.answering(
                    this == EAX ? value : entry.eax(),
                    this == EBX ? value : entry.ebx(),
                    this == ECX ? value : entry.ecx(),
                    this == EDX ? value : entry.edx());
        }
    }

    private static final String NO_NAME = "-";
    private static final Map<String, CpuFeature> BY_NAME = new LinkedHashMap<>();

    static { // names from bit 0 on
        word(0x1, 0, Register.EDX, """
                fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx fxsr
                sse sse2 ss ht tm ia64 pbe""");
        word(0x1, 0, Register.ECX, """
                pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid dca
                sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave - avx f16c rdrand hypervisor""");
        word(0x6, 0, Register.EAX, "dtherm ida arat");
        word(0x7, 0, Register.EBX, """
                fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a avx512f avx512dq
                rdseed adx smap avx512ifma - clflushopt clwb intel_pt avx512pf avx512er avx512cd sha_ni avx512bw
                avx512vl""");
        word(0x7, 0, Register.ECX, """
                - avx512vbmi umip pku - waitpkg avx512_vbmi2 shstk gfni vaes vpclmulqdq avx512_vnni avx512_bitalg tme
                avx512_vpopcntdq - la57 - - - - - rdpid - bus_lock_detect cldemote - movdiri movdir64b enqcmd sgx_lc""");
        word(0x7, 0, Register.EDX, """
                - - avx512_4vnniw avx512_4fmaps fsrm - - - avx512_vp2intersect srbds_ctrl md_clear - - - serialize
                - tsxldtrk - pconfig arch_lbr ibt - amx_bf16 avx512_fp16 amx_tile amx_int8 spec_ctrl intel_stibp flush_l1d
                arch_capabilities core_capabilities spec_ctrl_ssbd""");
        word(0x7, 1, Register.EAX, "- - - - avx_vnni avx512_bf16");
        word(0x7, 2, Register.EDX, "- - - - bhi_ctrl");
        word(0xD, 1, Register.EAX, "xsaveopt xsavec xgetbv1 xsaves");
        word(0x4000_0001, 0, Register.EAX, """
                kvmclock kvm-nopiodelay kvm-mmu kvmclock2 kvm-asyncpf kvm-steal-time kvm-pv-eoi kvm-pv-unhalt -
                kvm-pv-tlb-flush kvm-asyncpf-vmexit kvm-pv-ipi kvm-poll-control kvm-pv-sched-yield kvm-asyncpf-int
                kvm-msi-ext-dest-id - - - - - - - - kvmclock-stable-bit""");
        word(0x8000_0001, 0, Register.EDX, """
                - - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb rdtscp - lm 3dnowext
                3dnow""");
        word(0x8000_0001, 0, Register.ECX, """
                lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt
                - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core perfctr_nb - bpext ptsc perfctr_llc mwaitx""");
        word(0x8000_0007, 0, Register.EDX, "- - - - - - - - constant_tsc");
        word(0x8000_0008, 0, Register.EBX, """
                clzero irperf xsaveerptr - rdpru - - - - wbnoinvd - - amd_ibpb - amd_ibrs amd_stibp - - - - - - - -
                amd_ssbd virt_ssbd""");
    }

    /** Checks that no component is null. */
    public CpuFeature {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(register, "register");
    }

    private static void word(int function, int index, Register register, String names) {
        int bit = 0;
        for (String name : names.split("\\s+", -1)) {
            if (!name.equals(NO_NAME)) BY_NAME.put(name, new CpuFeature(name, function, index, register, bit));
            bit++;
        }
    }

    /** Returns the feature of that name, in lower case; empty if the name is not known. */
    public static Optional<CpuFeature> named(String name) {
        Objects.requireNonNull(name, "name");
        return Optional.ofNullable(BY_NAME.get(name));
    }

    /** Returns all known features. */
    public static Collection<CpuFeature> all() {
        return List.copyOf(BY_NAME.values());
    }

    /** Returns the known features that a table announces. */
    public static List<CpuFeature> in(List<CpuidEntry> table) {
        Objects.requireNonNull(table, "table");
        List<CpuFeature> found = new ArrayList<>();
        for (CpuFeature feature : BY_NAME.values()) if (feature.isIn(table)) found.add(feature);
        return found;
    }

    /** Returns whether a table announces this feature. */
    public boolean isIn(List<CpuidEntry> table) {
        Objects.requireNonNull(table, "table");
        for (CpuidEntry entry : table) {
            if (isOf(entry) && (register.of(entry) >>> bit & 1) != 0) return true;
        }
        return false;
    }

    /** Returns whether an entry is the one that holds this feature's bit, set or clear. */
    boolean isOf(CpuidEntry entry) {
        return entry.function() == function && entry.index() == index;
    }

    /** Returns the entry with this feature's bit set or cleared; {@link #isOf} must hold for it. */
    CpuidEntry set(CpuidEntry entry, boolean present) {
        int mask = 1 << bit;
        int value = register.of(entry);
        return register.in(entry, present ? value | mask : value & ~mask);
    }

    @Override
    public String toString() {
        return name;
    }
}
