package dev.microvm.cpuid;

import dev.microvm.hypervisor.VirtualMachine;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Makes the CPUID table of each vCPU from the table that the hypervisor supports. The guest sees
 * one package with one or two threads a core; APIC IDs are the vCPU numbers, so that the threads of
 * a core are neighbours.
 *
 * <p>Sources: Intel SDM vol. 2A, CPUID, and vol. 3A, 9.9 (topology); AMD APM vol. 3, appendix E.
 */
public final class GuestCpuid {
    private static final int LEAF_VENDOR = 0x0;
    private static final int LEAF_FEATURES = 0x1;
    private static final int LEAF_CACHES = 0x4;
    private static final int LEAF_TOPOLOGY = 0xB;
    private static final int LEAF_TOPOLOGY_V2 = 0x1F;
    private static final int LEAF_HYPERVISOR_FIRST = 0x4000_0000;
    private static final int LEAF_AMD_LAST = 0x8000_0000;
    private static final int LEAF_AMD_FEATURES = 0x8000_0001;
    private static final int LEAF_AMD_SIZES = 0x8000_0008;
    private static final int LEAF_AMD_CACHES = 0x8000_001D;
    private static final int LEAF_AMD_TOPOLOGY = 0x8000_001E;

    // Leaf 1
    private static final int EBX_APIC_ID_SHIFT = 24;
    private static final int EBX_LOGICAL_COUNT_SHIFT = 16;
    private static final int EBX_KEPT = 0xFFFF; // brand index and CLFLUSH size
    private static final int MAX_BYTE = 0xFF;
    private static final int ECX_X2APIC = 1 << 21;
    private static final int ECX_TSC_DEADLINE = 1 << 24;
    private static final int ECX_HYPERVISOR = 1 << 31;
    private static final int EDX_HTT = 1 << 28;

    // Leaf 4 and 0x8000001d
    private static final int EAX_CACHE_TYPE = 0x1F;
    private static final int EAX_CACHE_LEVEL_SHIFT = 5;
    private static final int EAX_CACHE_LEVEL = 0x7;
    private static final int EAX_SHARING_SHIFT = 14;
    private static final int EAX_SHARING = 0xFFF << EAX_SHARING_SHIFT;
    private static final int EAX_CORES_SHIFT = 26;
    private static final int EAX_CORES_MAX = 0x3F;
    private static final int FIRST_SHARED_LEVEL = 3;

    // Leaf 0xb and 0x1f
    private static final int LEVEL_SMT = 1;
    private static final int LEVEL_CORE = 2;
    private static final int LEVEL_TYPE_SHIFT = 8;

    // Leaf 0 EBX, 0x80000001 ECX, 0x80000008 ECX, 0x8000001e EBX
    private static final int EBX_AUTH = 0x6874_7541; // of "AuthenticAMD"
    private static final int ECX_CMP_LEGACY = 1 << 1;
    private static final int ECX_TOPOLOGY_EXTENSIONS = 1 << 22;
    private static final int ECX_APIC_ID_SIZE_SHIFT = 12;
    private static final int ECX_SIZES_KEPT = ~0xF0FF; // all but ApicIdSize and NC
    private static final int EBX_THREADS_SHIFT = 8; // threads of a core, less 1

    private GuestCpuid() {}

    /**
     * Returns the table of one vCPU of a machine with one thread a core: see {@link #forVcpu(List,
     * int, int, int, boolean)}.
     */
    public static List<CpuidEntry> forVcpu(List<CpuidEntry> supported, int index, int vcpus, boolean tscDeadline) {
        return forVcpu(supported, index, vcpus, /* threads= */ 1, tscDeadline);
    }

    /**
     * Returns the table of one vCPU.
     *
     * @param supported table of the hypervisor: {@link VirtualMachine#supportedCpuid}
     * @param index number and APIC ID of the vCPU, from 0
     * @param vcpus number of vCPUs of the machine
     * @param threads number of vCPUs that are threads of one core: a power of two
     * @param tscDeadline whether the local APIC's timer has the TSC-deadline mode
     */
    public static List<CpuidEntry> forVcpu(
            List<CpuidEntry> supported, int index, int vcpus, int threads, boolean tscDeadline) {
        Objects.requireNonNull(supported, "supported");
        List<CpuidEntry> table = new ArrayList<>(supported.size() + 2);
        int apicIdBits = bitsFor(vcpus);
        for (CpuidEntry entry : threads > 1 ? withAmdTopology(supported) : supported) {
            switch (entry.function()) {
                case LEAF_FEATURES -> table.add(features(entry, index, vcpus, tscDeadline));
                case LEAF_CACHES ->
                    table.add(entry.answering(
                            coresPerPackage(caches(entry.eax(), vcpus, threads), apicIdBits - bitsFor(threads)),
                            entry.ebx(),
                            entry.ecx(),
                            entry.edx()));
                case LEAF_TOPOLOGY, LEAF_TOPOLOGY_V2 -> {
                    if (entry.index() == 0) addTopology(table, entry.function(), index, vcpus, threads);
                }
                case LEAF_AMD_FEATURES -> table.add(amdFeatures(entry, vcpus));
                case LEAF_AMD_SIZES ->
                    table.add(entry.answering(
                            entry.eax(),
                            entry.ebx(),
                            (entry.ecx() & ECX_SIZES_KEPT)
                                    | (apicIdBits << ECX_APIC_ID_SIZE_SHIFT)
                                    | Math.min(vcpus - 1, MAX_BYTE),
                            entry.edx()));
                case LEAF_AMD_CACHES ->
                    table.add(entry.answering(
                            caches(entry.eax(), vcpus, threads), entry.ebx(), entry.ecx(), entry.edx()));
                case LEAF_AMD_TOPOLOGY ->
                    table.add(entry.answering(
                            index, (threads - 1) << EBX_THREADS_SHIFT | (index / threads & MAX_BYTE), 0, 0));
                default -> table.add(entry);
            }
        }
        return List.copyOf(table);
    }

    /** Adds the only leaf by which a processor of AMD tells of threads, if a hypervisor leaves it out. */
    private static List<CpuidEntry> withAmdTopology(List<CpuidEntry> supported) {
        if (supported.stream().noneMatch(entry -> entry.function() == LEAF_VENDOR && entry.ebx() == EBX_AUTH)) {
            return supported;
        }
        List<CpuidEntry> table = new ArrayList<>(supported.size() + 1);
        for (CpuidEntry entry : supported) {
            switch (entry.function()) {
                case LEAF_AMD_LAST -> {
                    int last = Integer.compareUnsigned(entry.eax(), LEAF_AMD_TOPOLOGY) < 0
                            ? LEAF_AMD_TOPOLOGY
                            : entry.eax();
                    table.add(entry.answering(last, entry.ebx(), entry.ecx(), entry.edx()));
                }
                case LEAF_AMD_FEATURES ->
                    table.add(entry.answering(
                            entry.eax(), entry.ebx(), entry.ecx() | ECX_TOPOLOGY_EXTENSIONS, entry.edx()));
                case LEAF_AMD_TOPOLOGY -> {} // added below
                default -> table.add(entry);
            }
        }
        table.add(new CpuidEntry(LEAF_AMD_TOPOLOGY, 0, /* indexed= */ false, 0, 0, 0, 0));
        return table;
    }

    /**
     * Returns the hypervisor's name from leaf 0x40000000, such as {@code KVMKVMKVM}; empty if there
     * is none.
     */
    public static String hypervisorName(List<CpuidEntry> table) {
        Objects.requireNonNull(table, "table");
        for (CpuidEntry entry : table) {
            if (entry.function() != LEAF_HYPERVISOR_FIRST) continue;
            StringBuilder name = new StringBuilder();
            for (int register : new int[] {entry.ebx(), entry.ecx(), entry.edx()}) {
                for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
                    int letter = (register >>> shift) & MAX_BYTE;
                    if (letter != 0) name.append((char) letter);
                }
            }
            return name.toString();
        }
        return "";
    }

    /**
     * Returns {@code answer}; for leaf 1 it keeps the APIC ID and the number of CPUs of the entry
     * {@code of}.
     */
    static CpuidEntry keepingIdentity(CpuidEntry of, CpuidEntry answer) {
        if (of.function() != LEAF_FEATURES) return answer;
        int ebx = (of.ebx() & ~EBX_KEPT) | (answer.ebx() & EBX_KEPT);
        return answer.answering(answer.eax(), ebx, answer.ecx(), answer.edx());
    }

    private static CpuidEntry features(CpuidEntry entry, int index, int vcpus, boolean tscDeadline) {
        int ebx = (entry.ebx() & EBX_KEPT)
                | (Math.min(index, MAX_BYTE) << EBX_APIC_ID_SHIFT)
                | (Math.min(vcpus, MAX_BYTE) << EBX_LOGICAL_COUNT_SHIFT);
        int ecx = entry.ecx() | ECX_HYPERVISOR | ECX_X2APIC;
        ecx = tscDeadline ? ecx | ECX_TSC_DEADLINE : ecx & ~ECX_TSC_DEADLINE;
        int edx = vcpus > 1 ? entry.edx() | EDX_HTT : entry.edx() & ~EDX_HTT;
        return entry.answering(entry.eax(), ebx, ecx, edx);
    }

    private static CpuidEntry amdFeatures(CpuidEntry entry, int vcpus) {
        int ecx = vcpus > 1 ? entry.ecx() | ECX_CMP_LEGACY : entry.ecx() & ~ECX_CMP_LEGACY;
        return entry.answering(entry.eax(), entry.ebx(), ecx, entry.edx());
    }

    /** Makes caches of level 1 and 2 private to a core; all cores share the higher levels. */
    private static int caches(int eax, int vcpus, int threads) {
        if ((eax & EAX_CACHE_TYPE) == 0) return eax; // no more caches
        int level = eax >>> EAX_CACHE_LEVEL_SHIFT & EAX_CACHE_LEVEL;
        int sharing =
                level >= FIRST_SHARED_LEVEL ? Math.min(vcpus - 1, EAX_SHARING >>> EAX_SHARING_SHIFT) : threads - 1;
        return (eax & ~EAX_SHARING) | (sharing << EAX_SHARING_SHIFT);
    }

    private static int coresPerPackage(int eax, int coreBits) {
        if ((eax & EAX_CACHE_TYPE) == 0) return eax;
        int kept = eax & ~(EAX_CORES_MAX << EAX_CORES_SHIFT);
        return kept | (Math.min((1 << coreBits) - 1, EAX_CORES_MAX) << EAX_CORES_SHIFT);
    }

    private static void addTopology(List<CpuidEntry> table, int leaf, int index, int vcpus, int threads) {
        table.add(new CpuidEntry(leaf, 0, true, bitsFor(threads), threads, LEVEL_SMT << LEVEL_TYPE_SHIFT, index));
        table.add(new CpuidEntry(leaf, 1, true, bitsFor(vcpus), vcpus, (LEVEL_CORE << LEVEL_TYPE_SHIFT) | 1, index));
        table.add(new CpuidEntry(leaf, 2, true, 0, 0, 2, index)); // no further level
    }

    private static int bitsFor(int count) {
        return Integer.SIZE - Integer.numberOfLeadingZeros(count - 1);
    }
}
