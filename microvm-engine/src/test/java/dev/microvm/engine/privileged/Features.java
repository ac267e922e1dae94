package dev.microvm.engine.privileged;

import dev.microvm.cpuid.CpuFeature;
import dev.microvm.cpuid.CpuidEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** What a CPUID table lets cases use. */
final class Features {
    // MSRs of which cases read and write: Intel SDM vol. 4, table 2-2
    private static final int[] MSRS = {
        0x174,
        0x175,
        0x176, // IA32_SYSENTER_CS, _ESP, _EIP
        0x277, // IA32_PAT
        0xC000_0080,
        0xC000_0080,
        0xC000_0081,
        0xC000_0082,
        0xC000_0083,
        0xC000_0084, // IA32_EFER, STAR, LSTAR, CSTAR, FMASK
        0xC000_0100,
        0xC000_0101,
        0xC000_0102 // IA32_FS_BASE, GS_BASE, KERNEL_GS_BASE
    };
    private static final int TSC_AUX = 0xC000_0103;

    // Bits of CR4: Intel SDM vol. 3A, 2.5
    static final int CR4_TSD = 2;
    static final int CR4_DE = 3;
    static final int CR4_PSE = 4;
    static final int CR4_PAE = 5;
    static final int CR4_MCE = 6;
    static final int CR4_PGE = 7;
    static final int CR4_PCE = 8;
    static final int CR4_OSFXSR = 9;
    static final int CR4_OSXMMEXCPT = 10;
    static final int CR4_UMIP = 11;
    static final int CR4_FSGSBASE = 16;
    static final int CR4_PCIDE = 17;
    static final int CR4_OSXSAVE = 18;
    static final int CR4_SMEP = 20;
    private static final int[] CR4_ALWAYS = {
        CR4_TSD, CR4_DE, CR4_PSE, CR4_PAE, CR4_MCE, CR4_PGE, CR4_PCE, CR4_OSFXSR, CR4_OSXMMEXCPT
    };

    private final List<CpuidEntry> cpuid;
    private final int[] cr4;

    Features(List<CpuidEntry> cpuid) {
        this.cpuid = cpuid;
        this.cr4 = IntStream.concat(IntStream.of(CR4_ALWAYS), IntStream.of(announced()))
                .toArray();
    }

    private int[] announced() {
        IntStream.Builder bits = IntStream.builder();
        if (has("umip")) bits.add(CR4_UMIP);
        if (has("fsgsbase")) bits.add(CR4_FSGSBASE);
        if (has("pcid")) bits.add(CR4_PCIDE);
        if (has("xsave")) bits.add(CR4_OSXSAVE);
        if (has("smep")) bits.add(CR4_SMEP);
        return bits.build().toArray();
    }

    private boolean has(String name) {
        CpuFeature feature = CpuFeature.named(name).orElseThrow();
        return cpuid.stream()
                .filter(entry -> entry.function() == feature.function() && entry.index() == feature.index())
                .anyMatch(entry -> (feature.register().of(entry) >> feature.bit() & 1) != 0);
    }

    /** The bits of CR4 that may be set. */
    int[] cr4() {
        return cr4;
    }

    boolean cr4(int bit) {
        return IntStream.of(cr4).anyMatch(each -> each == bit);
    }

    int[] msrs() {
        return rdtscp() || rdpid()
                ? IntStream.concat(IntStream.of(MSRS), IntStream.of(TSC_AUX)).toArray()
                : MSRS;
    }

    boolean rdtscp() {
        return has("rdtscp");
    }

    boolean rdpid() {
        return has("rdpid");
    }

    boolean invpcid() {
        return has("invpcid");
    }

    /**
     * What two machines both announce: the first one's table, without what the second one lacks.
     */
    static List<CpuidEntry> common(List<CpuidEntry> ours, List<CpuidEntry> theirs) {
        List<CpuidEntry> both = new ArrayList<>();
        for (CpuidEntry entry : ours) {
            int function = entry.function();
            boolean bits = function == 1
                    || function == 7
                    || function == 0x8000_0001
                    || (function == 0xD && entry.index() == 1);
            if (!bits) {
                both.add(entry);
                continue;
            }
            CpuidEntry other = theirs.stream()
                    .filter(each -> each.function() == function && each.index() == entry.index())
                    .findFirst()
                    .orElse(entry.answering(0, 0, 0, 0));
            both.add(entry.answering(
                    function == 0xD ? entry.eax() & other.eax() : entry.eax(),
                    function == 7 ? entry.ebx() & other.ebx() : entry.ebx(),
                    entry.ecx() & other.ecx(),
                    entry.edx() & other.edx()));
        }
        return List.copyOf(both);
    }
}
