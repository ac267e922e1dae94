package dev.microvm.engine.cpu;

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
    // Leaf 1, EDX: FPU VME? DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFLUSH MMX FXSR SSE SSE2
    private static final int FEATURES_EDX = 1 << 0 // FPU
            | 1 << 2 // DE
            | 1 << 3 // PSE
            | 1 << 4 // TSC
            | 1 << 5 // MSR
            | 1 << 6 // PAE
            | 1 << 8 // CX8
            | 1 << 9 // APIC
            | 1 << 11 // SEP
            | 1 << 12 // MTRR
            | 1 << 13 // PGE
            | 1 << 15 // CMOV
            | 1 << 16 // PAT
            | 1 << 17 // PSE-36
            | 1 << 19 // CLFLUSH
            | 1 << 23 // MMX
            | 1 << 24 // FXSR
            | 1 << 25 // SSE
            | 1 << 26; // SSE2
    private static final int FEATURES_ECX = 1 << 0 // SSE3
            | 1 << 9 // SSSE3
            | 1 << 13 // CX16
            | 1 << 17 // PCID
            | 1 << 19 // SSE4.1
            | 1 << 20 // SSE4.2
            | 1 << 21 // x2APIC
            | 1 << 22 // MOVBE
            | 1 << 23 // POPCNT
            | 1 << 26 // XSAVE
            | 1 << 31; // a hypervisor
    private static final int RDRAND = 1 << 30; // leaf 1, ECX
    private static final int RDSEED = 1 << 18; // leaf 7, EBX
    private static final int OSXSAVE = 1 << 27; // leaf 1, ECX: CR4.OSXSAVE
    private static final int STRUCTURED_EBX = 1 << 0 // FSGSBASE
            | 1 << 1 // TSC_ADJUST
            | 1 << 3 // BMI1
            | 1 << 7 // SMEP
            | 1 << 8 // BMI2
            | 1 << 9 // ERMS
            | 1 << 10 // INVPCID
            | 1 << 19 // ADX
            | 1 << 23 // CLFLUSHOPT
            | 1 << 24; // CLWB
    private static final int STRUCTURED_ECX = 1 << 2 // UMIP
            | 1 << 22; // RDPID
    private static final int STRUCTURED_EDX = 1 << 4 // FSRM
            | 1 << 26 // IBRS and IBPB
            | 1 << 29; // IA32_ARCH_CAPABILITIES
    private static final int STRUCTURED_2_EDX = 1 << 4; // BHI_DIS_S
    private static final int EXTENDED_EDX = 1 << 11 // SYSCALL
            | 1 << 20 // NX
            | 1 << 26 // 1 GiB pages
            | 1 << 27 // RDTSCP
            | 1 << 29; // long mode
    private static final int EXTENDED_ECX = 1 << 0 // LAHF in 64-bit mode
            | 1 << 4 // CR8 by LOCK MOV CR0
            | 1 << 5 // LZCNT
            | 1 << 8; // PREFETCHW

    // Leaf 0xD: x87 and SSE, in an area that ends with the header
    private static final int XSAVE_KINDS = 1 << 0 // XSAVEOPT
            | 1 << 1 // XSAVEC and compacted areas
            | 1 << 2; // XGETBV with 1
    private static final int INVARIANT_TSC = 1 << 8;
    private static final int ADDRESS_BITS = 48 << 8 | PageWalk.PHYSICAL_BITS;
    private static final int FAMILY_15_MODEL_6 = 0xF << 8 | 6 << 4 | 1; // as QEMU's kvm64
    private static final int CLFLUSH_LINE = 8 << 8; // in units of 8 bytes
    private static final int CRYSTAL_HZ = 1_000_000_000;
    private static final int HYPERVISOR_LEAF = 0x4000_0000;
    private static final int HYPERVISOR_FEATURES_LEAF = 0x4000_0001;
    private static final int TIMING_LEAF = 0x4000_0010;
    private static final int HYPERVISOR_FEATURES = 1 << 0 // KVM_FEATURE_CLOCKSOURCE
            | 1 << 1 // KVM_FEATURE_NOP_IO_DELAY
            | 1 << 3 // KVM_FEATURE_CLOCKSOURCE2
            | 1 << 24; // KVM_FEATURE_CLOCKSOURCE_STABLE_BIT
    private static final int EXTENDED = 0x8000_0000;

    private List<CpuidEntry> entries = List.of();

    CpuidTable() {}

    /**
     * What this CPU can do.
     *
     * @param tscKhz frequency of the time-stamp counter
     */
    public static List<CpuidEntry> supported(int tscKhz) {
        List<CpuidEntry> table = new ArrayList<>();
        table.add(leaf(0, 0x16, 0x756E_6547, 0x6C65_746E, 0x4965_6E69)); // GenuineIntel
        table.add(leaf(1, FAMILY_15_MODEL_6, CLFLUSH_LINE, FEATURES_ECX, FEATURES_EDX));
        table.add(leaf(2, 1, 0, 0, 0));
        table.add(new CpuidEntry(4, 0, true, 0, 0, 0, 0));
        table.add(new CpuidEntry(7, 0, true, 2, STRUCTURED_EBX, STRUCTURED_ECX, STRUCTURED_EDX));
        table.add(new CpuidEntry(7, 2, true, 0, 0, 0, STRUCTURED_2_EDX));
        table.add(new CpuidEntry(0xB, 0, true, 0, 0, 0, 0));
        int managed = (int) ControlRegisters.XCR0_KNOWN;
        table.add(new CpuidEntry(0xD, 0, true, managed, XsaveArea.SIZE, XsaveArea.SIZE, 0));
        table.add(new CpuidEntry(0xD, 1, true, XSAVE_KINDS, XsaveArea.SIZE, 0, 0));
        table.add(leaf(0x15, 1, tscKhz / 1_000_000, CRYSTAL_HZ, 0));
        table.add(leaf(0x16, tscKhz / 1000, tscKhz / 1000, 100, 0));
        table.add(leaf(HYPERVISOR_LEAF, TIMING_LEAF, 0x4B4D_564B, 0x564B_4D56, 0x4D)); // KVMKVMKVM
        table.add(leaf(HYPERVISOR_FEATURES_LEAF, HYPERVISOR_FEATURES, 0, 0, 0));
        table.add(leaf(TIMING_LEAF, tscKhz, CRYSTAL_HZ / 1000, 0, 0));
        table.add(leaf(EXTENDED, EXTENDED | 8, 0, 0, 0));
        table.add(leaf(EXTENDED | 1, 0, 0, EXTENDED_ECX, EXTENDED_EDX));
        brand(table, "microvm Java CPU");
        table.add(leaf(EXTENDED | 7, 0, 0, 0, INVARIANT_TSC));
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

    /** Sets the table. */
    public void set(List<CpuidEntry> table) {
        entries = List.copyOf(table);
    }

    /** Answers CPUID: in EAX, EBX, ECX and EDX; 0 for a leaf that is not there. */
    public void answer(Cpu cpu) {
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
        if (function == 1 && (cpu.cr4 & SpecialRegisters.CR4_OSXSAVE) != 0) ecx |= OSXSAVE;
        cpu.r[Cpu.RAX] = eax & 0xFFFF_FFFFL;
        cpu.r[Cpu.RBX] = ebx & 0xFFFF_FFFFL;
        cpu.r[Cpu.RCX] = ecx & 0xFFFF_FFFFL;
        cpu.r[Cpu.RDX] = edx & 0xFFFF_FFFFL;
    }
}
