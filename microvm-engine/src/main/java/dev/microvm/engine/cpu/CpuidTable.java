package dev.microvm.engine.cpu;

import static dev.microvm.cpuid.CpuFeature.Register.EAX;
import static dev.microvm.cpuid.CpuFeature.Register.EBX;
import static dev.microvm.cpuid.CpuFeature.Register.ECX;
import static dev.microvm.cpuid.CpuFeature.Register.EDX;

import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.hypervisor.SpecialRegisters;
import java.util.ArrayList;
import java.util.List;

/**
 * What CPUID returns: a table that the machine sets.
 *
 * <p>Source: Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E; Linux
 * Documentation/virt/kvm/x86/cpuid.rst for leaves 0x40000000 and 0x40000001: the engine speaks
 * KVM's paravirtual interface, as far as it says there. Leaf 0x40000010 is one that VMware defined,
 * and QEMU has for KVM too.
 */
public final class CpuidTable {
    private static final int RDRAND = 1 << 30; // leaf 1, ECX
    private static final int RDSEED = 1 << 18; // leaf 7, EBX
    private static final int OSXSAVE = 1 << 27; // leaf 1, ECX: CR4.OSXSAVE
    private static final int KVM_PV_IPI = 1 << 11; // KVM_FEATURE_PV_SEND_IPI; leaf 0x40000001, EAX
    private static final int APIC_MODES = 1 << 21 // x2APIC; leaf 1, ECX
            | 1 << 24; // TSC deadline
    private static final int ARAT = 1 << 2; // leaf 6, EAX: the APIC timer runs in every power state
    private static final int APIC = 1 << 9; // leaf 1, EDX: IA32_APIC_BASE.EN

    private static final int ADDRESS_BITS = 48 << 8 | PageWalk.PHYSICAL_BITS;
    private static final int FAMILY_15_MODEL_6 = 0xF << 8 | 6 << 4 | 1; // as QEMU's kvm64
    private static final int CLFLUSH_LINE = 8 << 8; // in units of 8 bytes
    private static final int CRYSTAL_HZ = 1_000_000_000;
    private static final int XSAVE_LEAF = 0xD;
    private static final int AVX_STATE = 2; // its index there
    private static final int HYPERVISOR_LEAF = 0x4000_0000;
    private static final int HYPERVISOR_FEATURES_LEAF = 0x4000_0001;
    private static final int TIMING_LEAF = 0x4000_0010;
    private static final int EXTENDED = 0x8000_0000;

    private final Cpu cpu;
    private List<CpuidEntry> entries = List.of();
    private Features features = Features.ALL; // until somebody sets a table

    CpuidTable(Cpu cpu) {
        this.cpu = cpu;
    }

    /**
     * What this CPU can do.
     *
     * @param tscKhz frequency of the time-stamp counter
     */
    public static List<CpuidEntry> supported(int tscKhz) {
        List<CpuidEntry> table = new ArrayList<>();
        table.add(leaf(0, 0x16, 0x756E_6547, 0x6C65_746E, 0x4965_6E69)); // GenuineIntel
        table.add(leaf(1, FAMILY_15_MODEL_6, CLFLUSH_LINE, Feature.bits(1, 0, ECX), Feature.bits(1, 0, EDX)));
        table.add(leaf(2, 1, 0, 0, 0));
        table.add(new CpuidEntry(4, 0, true, 0, 0, 0, 0));
        table.add(leaf(6, Feature.bits(6, 0, EAX), 0, 0, 0));
        table.add(new CpuidEntry(
                7, 0, true, 2, Feature.bits(7, 0, EBX), Feature.bits(7, 0, ECX), Feature.bits(7, 0, EDX)));
        table.add(new CpuidEntry(7, 2, true, 0, 0, 0, Feature.bits(7, 2, EDX)));
        table.add(new CpuidEntry(0xB, 0, true, 0, 0, 0, 0));
        int managed = (int) ControlRegisters.XCR0_KNOWN;
        table.add(new CpuidEntry(XSAVE_LEAF, 0, true, managed, XsaveArea.SIZE, XsaveArea.SIZE, 0));
        table.add(new CpuidEntry(XSAVE_LEAF, 1, true, Feature.bits(XSAVE_LEAF, 1, EAX), XsaveArea.SIZE, 0, 0));
        table.add(new CpuidEntry(XSAVE_LEAF, AVX_STATE, true, XsaveArea.YMM_SIZE, XsaveArea.YMM, 0, 0));
        table.add(leaf(0x15, 1, tscKhz / 1_000_000, CRYSTAL_HZ, 0));
        table.add(leaf(0x16, tscKhz / 1000, tscKhz / 1000, 100, 0));
        table.add(leaf(HYPERVISOR_LEAF, TIMING_LEAF, 0x4B4D_564B, 0x564B_4D56, 0x4D)); // KVMKVMKVM
        table.add(leaf(HYPERVISOR_FEATURES_LEAF, Feature.bits(HYPERVISOR_FEATURES_LEAF, 0, EAX), 0, 0, 0));
        table.add(leaf(TIMING_LEAF, tscKhz, CRYSTAL_HZ / 1000, 0, 0));
        table.add(leaf(EXTENDED, EXTENDED | 8, 0, 0, 0));
        table.add(leaf(EXTENDED | 1, 0, 0, Feature.bits(EXTENDED | 1, 0, ECX), Feature.bits(EXTENDED | 1, 0, EDX)));
        brand(table, "microvm Java CPU");
        table.add(leaf(EXTENDED | 7, 0, 0, 0, Feature.bits(EXTENDED | 7, 0, EDX)));
        table.add(leaf(EXTENDED | 8, ADDRESS_BITS, 0, 0, 0));
        return List.copyOf(table);
    }

    /** The same table without RDRAND and RDSEED, which no run can repeat. */
    public static List<CpuidEntry> withoutRandomNumbers(List<CpuidEntry> table) {
        return table.stream()
                .map(entry -> switch (entry.function()) {
                    case 1 -> entry.answering(entry.eax(), entry.ebx(), entry.ecx() & ~RDRAND, entry.edx());
                    case 7 -> entry.answering(entry.eax(), entry.ebx() & ~RDSEED, entry.ecx(), entry.edx());
                    default -> entry;
                })
                .toList();
    }

    /** The same table for a CPU without a local APIC. */
    public static List<CpuidEntry> withoutApic(List<CpuidEntry> table) {
        return table.stream()
                .map(entry -> switch (entry.function()) {
                    case 1 -> entry.answering(entry.eax(), entry.ebx(), entry.ecx() & ~APIC_MODES, entry.edx() & ~APIC);
                    case 6 -> entry.answering(entry.eax() & ~ARAT, entry.ebx(), entry.ecx(), entry.edx());
                    case HYPERVISOR_FEATURES_LEAF ->
                        entry.answering(entry.eax() & ~KVM_PV_IPI, entry.ebx(), entry.ecx(), entry.edx());
                    default -> entry;
                })
                .toList();
    }

    private static CpuidEntry leaf(int function, int eax, int ebx, int ecx, int edx) {
        return new CpuidEntry(function, 0, false, eax, ebx, ecx, edx);
    }

    /** The brand string: 48 bytes in leaves 0x80000002 to 4. */
    private static void brand(List<CpuidEntry> table, String name) {
        int[] words = new int[12];
        for (int i = 0; i < name.length(); i++) words[i / 4] |= name.charAt(i) << (i % 4 * 8);
        for (int i = 0; i < 3; i++) {
            table.add(leaf(EXTENDED | i + 2, words[i * 4], words[i * 4 + 1], words[i * 4 + 2], words[i * 4 + 3]));
        }
    }

    /** Sets the table, and with it what executes. */
    public void set(List<CpuidEntry> table) {
        entries = List.copyOf(table);
        features = Features.in(entries);
        cpu.mmu.forget(); // what was translated may not be there any more
    }

    /** What the table announces. */
    public Features features() {
        return features;
    }

    /** Answers CPUID: in EAX, EBX, ECX and EDX; 0 for a leaf that is not there. */
    public void answer() {
        int function = (int) cpu.r[Cpu.RAX];
        int index = (int) cpu.r[Cpu.RCX];
        int eax = 0;
        int ebx = 0;
        int ecx = 0;
        int edx = 0;
        for (CpuidEntry entry : entries) {
            if (entry.function() == function && (!entry.indexed() || entry.index() == index)) {
                eax = entry.eax();
                ebx = entry.ebx();
                ecx = entry.ecx();
                edx = entry.edx();
                break;
            }
        }
        if (function == 1) {
            if ((cpu.cr4 & SpecialRegisters.CR4_OSXSAVE) != 0) ecx |= OSXSAVE;
            if (!cpu.platform().apicEnabled()) edx &= ~APIC;
        }
        if (function == XSAVE_LEAF) { // Intel SDM vol. 1, 13.2
            boolean hidden = index == AVX_STATE && !features.has(Feature.AVX);
            if (index == 0) {
                eax &= (int) features.xcr0;
                ecx = Math.min(ecx, XsaveArea.size(features.xcr0));
            }
            if (index < AVX_STATE) ebx = Math.min(ebx, XsaveArea.size(cpu.xcr0));
            if (hidden) {
                eax = 0;
                ebx = 0;
            }
        }
        cpu.r[Cpu.RAX] = eax & 0xFFFF_FFFFL;
        cpu.r[Cpu.RBX] = ebx & 0xFFFF_FFFFL;
        cpu.r[Cpu.RCX] = ecx & 0xFFFF_FFFFL;
        cpu.r[Cpu.RDX] = edx & 0xFFFF_FFFFL;
    }
}
