package dev.microvm.engine.cpu;

import static dev.microvm.hypervisor.MsrNumbers.IA32_APIC_BASE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_CSTAR;
import static dev.microvm.hypervisor.MsrNumbers.IA32_EFER;
import static dev.microvm.hypervisor.MsrNumbers.IA32_FMASK;
import static dev.microvm.hypervisor.MsrNumbers.IA32_FS_BASE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_GS_BASE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_KERNEL_GS_BASE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_LSTAR;
import static dev.microvm.hypervisor.MsrNumbers.IA32_MISC_ENABLE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_MTRR_DEF_TYPE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_STAR;
import static dev.microvm.hypervisor.MsrNumbers.IA32_SYSENTER_CS;
import static dev.microvm.hypervisor.MsrNumbers.IA32_SYSENTER_EIP;
import static dev.microvm.hypervisor.MsrNumbers.IA32_SYSENTER_ESP;
import static dev.microvm.hypervisor.MsrNumbers.IA32_TIME_STAMP_COUNTER;
import static dev.microvm.hypervisor.MsrNumbers.IA32_TSC_ADJUST;
import static dev.microvm.hypervisor.MsrNumbers.IA32_TSC_AUX;
import static dev.microvm.hypervisor.MsrNumbers.IA32_TSC_DEADLINE;
import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_SYSTEM_TIME;
import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_SYSTEM_TIME_NEW;
import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_WALL_CLOCK;
import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_WALL_CLOCK_NEW;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Model-specific registers of the CPU itself; those of the local APIC and of time belong to the
 * {@link Platform}.
 *
 * <p>Source: Intel SDM vol. 4, table 2-2; Intel, CPUID Enumeration and Architectural MSRs
 * (speculative execution); AMD APM vol. 2, appendix A.
 */
public final class Msrs {
    private static final int SPEC_CTRL = 0x48;
    private static final int PRED_CMD = 0x49;
    private static final int MICROCODE_REVISION = 0x8B;
    private static final int MTRR_CAPABILITIES = 0xFE;
    private static final int ARCH_CAPABILITIES = 0x10A;
    private static final int MCG_CAPABILITIES = 0x179;
    private static final int MCG_STATUS = 0x17A;
    private static final int MTRR_PHYSICAL = 0x200;
    private static final int MTRR_PHYSICAL_END = 0x210;
    private static final int MTRR_FIX_64K = 0x250;
    private static final int MTRR_FIX_16K_1 = 0x258;
    private static final int MTRR_FIX_16K_2 = 0x259;
    private static final int MTRR_FIX_4K = 0x268;
    private static final int MTRR_FIX_4K_END = 0x270;
    private static final int PAT = 0x277;
    private static final int PLATFORM_ID = 0x17;
    private static final int AMD_HARDWARE_CONFIGURATION = 0xC001_0015;

    /**
     * This CPU has none of the buffers that leak and predicts no branches. Guests that know leave
     * their mitigations out, of which page tables for each privilege and jumps to returns cost most
     * here.
     */
    private static final long NOT_AFFECTED = 1L << 0 // RDCL_NO
            | 1L << 1 // IBRS_ALL: nothing to do at each entry
            | 1L << 3 // SKIP_L1DFL_VMENTRY
            | 1L << 4 // SSB_NO
            | 1L << 5 // MDS_NO
            | 1L << 6 // IF_PSCHANGE_MC_NO
            | 1L << 8 // TAA_NO
            | 1L << 13 // SBDR_SSDP_NO
            | 1L << 14 // FBSDP_NO
            | 1L << 15 // PSDP_NO
            | 1L << 20 // BHI_NO
            | 1L << 24 // PBRSB_NO
            | 1L << 26 // GDS_NO
            | 1L << 27 // RFDS_NO
            | 1L << 62; // ITS_NO

    private static final long SPEC_CTRL_IBRS = 1L << 0;
    private static final long SPEC_CTRL_BHI_DIS_S = 1L << 10;
    private static final long PRED_CMD_IBPB = 1;
    private static final long PAT_RESET = 0x0007_0406_0007_0406L;

    // Memory types, as bits: Intel SDM vol. 3A, table 12-2; MTRRs: 12.11.2
    private static final int MTRR_TYPES = 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6; // UC WC WT WP WB
    private static final int PAT_TYPES = MTRR_TYPES | 1 << 7; // UC-
    private static final long MTRR_DEFAULT_TYPE_KNOWN = 0xFF | 1 << 10 | 1 << 11; // FE, E
    private static final long MTRR_RANGE = -0x1000; // as far as there are physical addresses
    private static final long MTRR_VALID = 1 << 11;

    private static final long MTRRS_EIGHT_AND_FIXED = 0x508; // eight, fixed ranges, write-combining

    private final Cpu cpu;
    private final Map<Integer, Long> plain = new TreeMap<>(); // those that only hold what was written

    public long star;
    public long lstar;
    public long cstar;
    public long fmask;
    public long kernelGsBase;
    public long sysenterCs;
    public long sysenterEsp;
    public long sysenterEip;
    public long tscAux;

    Msrs(Cpu cpu) {
        this.cpu = cpu;
        plain.put(SPEC_CTRL, 0L);
        plain.put(MCG_STATUS, 0L);
        plain.put(IA32_MISC_ENABLE, 1L);
        plain.put(PAT, PAT_RESET);
        plain.put(IA32_MTRR_DEF_TYPE, 0L);
        for (int i = MTRR_PHYSICAL; i < MTRR_PHYSICAL_END; i++) plain.put(i, 0L);
        plain.put(MTRR_FIX_64K, 0L);
        plain.put(MTRR_FIX_16K_1, 0L);
        plain.put(MTRR_FIX_16K_2, 0L);
        for (int i = MTRR_FIX_4K; i < MTRR_FIX_4K_END; i++) plain.put(i, 0L);
    }

    /**
     * RDMSR; one that does not exist is #GP(0).
     *
     * @param at the instruction; null if the host asks, for whom all exist
     */
    public long read(int index, @Nullable Instruction at) {
        if (at != null) requireShown(index, at);
        return switch (index) {
            case IA32_SYSENTER_CS -> sysenterCs;
            case IA32_SYSENTER_ESP -> sysenterEsp;
            case IA32_SYSENTER_EIP -> sysenterEip;
            case IA32_EFER -> cpu.efer;
            case IA32_STAR -> star;
            case IA32_LSTAR -> lstar;
            case IA32_CSTAR -> cstar;
            case IA32_FMASK -> fmask;
            case IA32_FS_BASE -> cpu.r[Cpu.SEGMENT_BASE + 4];
            case IA32_GS_BASE -> cpu.r[Cpu.SEGMENT_BASE + 5];
            case IA32_KERNEL_GS_BASE -> kernelGsBase;
            case IA32_TSC_AUX -> tscAux;
            case MICROCODE_REVISION, PLATFORM_ID, MCG_CAPABILITIES, AMD_HARDWARE_CONFIGURATION -> 0;
            case ARCH_CAPABILITIES -> NOT_AFFECTED;
            case MTRR_CAPABILITIES -> MTRRS_EIGHT_AND_FIXED;
            default -> {
                Long value = plain.get(index);
                if (value != null) yield value;
                if (!cpu.platform().ownsMsr(index)) throw cpu.fault(Vectors.GP, 0, at);
                if (at != null) cpu.rip = at.rip(cpu);
                yield cpu.platform().readMsr(index);
            }
        };
    }

    /**
     * WRMSR; one that does not exist, and a value that it does not take, is #GP(0).
     *
     * @param at the instruction; null if the host asks, for whom all exist
     */
    public void write(int index, long value, @Nullable Instruction at) {
        if (at != null) requireShown(index, at);
        switch (index) {
            case IA32_SYSENTER_CS -> sysenterCs = value & 0xFFFF_FFFFL;
            case IA32_SYSENTER_ESP -> sysenterEsp = canonical(value, at);
            case IA32_SYSENTER_EIP -> sysenterEip = canonical(value, at);
            case IA32_EFER -> cpu.control.efer(value, at);
            case IA32_STAR -> star = value;
            case IA32_LSTAR -> lstar = canonical(value, at);
            case IA32_CSTAR -> cstar = canonical(value, at);
            case IA32_FMASK -> fmask = value & 0xFFFF_FFFFL;
            case IA32_FS_BASE -> cpu.segmentation.base(4, canonical(value, at));
            case IA32_GS_BASE -> cpu.segmentation.base(5, canonical(value, at));
            case IA32_KERNEL_GS_BASE -> kernelGsBase = canonical(value, at);
            case IA32_TSC_AUX -> tscAux = allowed(value, 0xFFFF_FFFFL, at);
            case PAT -> plain.put(PAT, memoryTypes(value, PAT_TYPES, at));
            case SPEC_CTRL -> plain.put(SPEC_CTRL, allowed(value, speculationControls(), at));
            case PRED_CMD -> allowed(value, PRED_CMD_IBPB, at); // there is no prediction to forget
            case MICROCODE_REVISION -> {} // asks for the revision: Intel SDM vol. 3A, 10.11.7
            default -> {
                if (plain.containsKey(index)) {
                    requireMtrr(index, value, at);
                    plain.put(index, value);
                } else if (cpu.platform().ownsMsr(index)) {
                    if (at != null) cpu.rip = at.rip(cpu);
                    cpu.platform().writeMsr(index, value);
                } else {
                    throw cpu.fault(Vectors.GP, 0, at);
                }
            }
        }
    }

    /** #GP(0) for an MSR of a feature that the guest is not shown. */
    private void requireShown(int index, Instruction at) {
        Features features = cpu.features();
        boolean shown = switch (index) {
            case IA32_SYSENTER_CS, IA32_SYSENTER_ESP, IA32_SYSENTER_EIP -> features.has(Feature.SEP);
            case IA32_EFER -> features.efer != 0;
            case IA32_STAR, IA32_LSTAR, IA32_CSTAR, IA32_FMASK -> features.has(Feature.SYSCALL);
            case IA32_FS_BASE, IA32_GS_BASE, IA32_KERNEL_GS_BASE -> features.has(Feature.LM);
            case IA32_TSC_AUX -> features.has(Feature.RDTSCP) || features.has(Feature.RDPID);
            case SPEC_CTRL, PRED_CMD -> features.has(Feature.SPEC_CTRL);
            case ARCH_CAPABILITIES -> features.has(Feature.ARCH_CAPABILITIES);
            case MCG_CAPABILITIES, MCG_STATUS -> features.has(Feature.MCA);
            case PAT -> features.has(Feature.PAT);
            case IA32_TIME_STAMP_COUNTER -> features.has(Feature.TSC);
            case IA32_TSC_ADJUST -> features.has(Feature.TSC_ADJUST);
            case IA32_TSC_DEADLINE -> features.has(Feature.TSC_DEADLINE);
            case IA32_APIC_BASE -> features.has(Feature.APIC);
            case MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME -> features.has(Feature.KVMCLOCK);
            case MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW -> features.has(Feature.KVMCLOCK2);
            default -> !isMtrr(index) || features.has(Feature.MTRR);
        };
        if (!shown) throw cpu.fault(Vectors.GP, 0, at);
    }

    private static boolean isMtrr(int index) {
        return switch (index) {
            case MTRR_CAPABILITIES, IA32_MTRR_DEF_TYPE, MTRR_FIX_64K, MTRR_FIX_16K_1, MTRR_FIX_16K_2 -> true;
            default ->
                (index >= MTRR_PHYSICAL && index < MTRR_PHYSICAL_END)
                        || (index >= MTRR_FIX_4K && index < MTRR_FIX_4K_END);
        };
    }

    private long allowed(long value, long bits, @Nullable Instruction at) {
        if ((value & ~bits) != 0) throw cpu.fault(Vectors.GP, 0, at);
        return value;
    }

    private long speculationControls() {
        return SPEC_CTRL_IBRS | (cpu.features().has(Feature.BHI_CTRL) ? SPEC_CTRL_BHI_DIS_S : 0);
    }

    /**
     * #GP(0) for a value that a memory type range register does not take: Intel SDM vol. 3A,
     * 12.11.2.
     */
    private void requireMtrr(int index, long value, @Nullable Instruction at) {
        if (index == IA32_MTRR_DEF_TYPE) {
            memoryTypes(allowed(value, MTRR_DEFAULT_TYPE_KNOWN, at) & 0xFF, MTRR_TYPES, at);
        } else if (index >= MTRR_PHYSICAL && index < MTRR_PHYSICAL_END) {
            boolean mask = (index & 1) != 0;
            long range = MTRR_RANGE & ~cpu.features().beyondPhysical();
            allowed(value, range | (mask ? MTRR_VALID : 0xFF), at);
            if (!mask) memoryTypes(value & 0xFF, MTRR_TYPES, at);
        } else if (index >= MTRR_FIX_64K && index < MTRR_FIX_4K_END) {
            memoryTypes(value, MTRR_TYPES, at);
        }
    }

    /** #GP(0) unless each byte is one of these memory types, given as bits. */
    private long memoryTypes(long value, int types, @Nullable Instruction at) {
        for (int i = 0; i < Long.SIZE; i += Byte.SIZE) {
            int type = (int) (value >>> i) & 0xFF;
            if (type > 7 || (types >> type & 1) == 0) throw cpu.fault(Vectors.GP, 0, at);
        }
        return value;
    }

    private long canonical(long value, @Nullable Instruction at) {
        if (!cpu.canonical(value)) throw cpu.fault(Vectors.GP, 0, at);
        return value;
    }

    /** The numbers of all that hold state. */
    public int[] indices() {
        int[] special = {
            IA32_SYSENTER_CS,
            IA32_SYSENTER_ESP,
            IA32_SYSENTER_EIP,
            IA32_EFER,
            IA32_STAR,
            IA32_LSTAR,
            IA32_CSTAR,
            IA32_FMASK,
            IA32_KERNEL_GS_BASE,
            IA32_TSC_AUX,
        };
        int[] all = Arrays.copyOf(special, special.length + plain.size());
        int i = special.length;
        for (int index : plain.keySet()) all[i++] = index;
        return all;
    }
}
