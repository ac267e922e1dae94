package dev.microvm.engine.cpu;

import dev.microvm.engine.decode.CodeMode;
import org.jspecify.annotations.Nullable;

/**
 * Loads segment registers, LDTR and TR, with the checks of protected mode.
 *
 * <p>Source: Intel SDM vol. 3A, 3.4 and 5.5, and vol. 2, MOV, LLDT, LTR.
 */
public final class SegmentLoader {
    static final int SELECTOR_RPL = 3;
    static final int SELECTOR_TI = 1 << 2;
    static final int SELECTOR_INDEX = 0xFFF8;

    // Types of system descriptors: Intel SDM vol. 3A, table 3-2
    static final int SYSTEM_LDT = 2;
    static final int SYSTEM_TSS_16 = 1;
    static final int SYSTEM_TSS = 9;
    static final int SYSTEM_BUSY = 2;

    /**
     * Where the type of an upper half would be, which is 0: Intel SDM vol. 3A, figures 5-9 and 8-4.
     */
    static final int UPPER_TYPE = 0x1F << Segment.TYPE_SHIFT;

    private final Cpu cpu;

    SegmentLoader(Cpu cpu) {
        this.cpu = cpu;
    }

    /** MOV, POP and the like to a segment register; not CS in protected mode. */
    public void load(int segment, int selector, Instruction at) {
        if (cpu.realSegments()) {
            loadReal(segment, selector);
            return;
        }
        Segment target = cpu.segments[segment];
        if ((selector & ~SELECTOR_RPL) == 0) {
            boolean stackMayBeNull = cpu.longMode()
                    && cpu.mode() == CodeMode.BITS_64
                    && cpu.cpl != 3
                    && (selector & SELECTOR_RPL) == cpu.cpl;
            if (segment == Cpu.SS && !stackMayBeNull) throw cpu.fault(Vectors.GP, 0, at);
            target.loadNull(selector);
            if (segment == Cpu.SS) target.attributes = cpu.cpl << Segment.DPL_SHIFT;
            cpu.segmentation.changed(segment);
            return;
        }
        long descriptor = descriptor(selector, Vectors.GP, at);
        int attributes = (int) (descriptor >>> 32);
        int rpl = selector & SELECTOR_RPL;
        int dpl = Segment.dplOf(attributes);
        boolean code = (attributes & Segment.CODE) != 0;
        boolean flag = (attributes & Segment.WRITABLE_OR_READABLE) != 0;
        boolean allowed;
        if (segment == Cpu.SS) {
            allowed = rpl == cpu.cpl && dpl == cpu.cpl && !code && flag;
        } else {
            boolean conforming = code && (attributes & Segment.EXPAND_DOWN_OR_CONFORMING) != 0;
            allowed = (!code || flag) && (conforming || Math.max(rpl, cpu.cpl) <= dpl);
        }
        int error = selector & ~SELECTOR_RPL;
        if (!allowed || (attributes & Segment.CODE_OR_DATA) == 0) throw cpu.fault(Vectors.GP, error, at);
        if ((attributes & Segment.PRESENT) == 0) {
            throw cpu.fault(segment == Cpu.SS ? Vectors.SS : Vectors.NP, error, at);
        }
        target.load(selector, accessed(selector, descriptor, at));
        cpu.segmentation.changed(segment);
    }

    /** A load in real or virtual-8086 mode: limit and attributes stay. */
    void loadReal(int segment, int selector) {
        Segment target = cpu.segments[segment];
        target.selector = selector;
        target.base = (long) selector << 4;
        target.usable = true;
        if (cpu.virtual8086()) {
            target.limit = 0xFFFF;
            target.attributes = Segment.PRESENT
                    | 3 << Segment.DPL_SHIFT
                    | Segment.CODE_OR_DATA
                    | Segment.WRITABLE_OR_READABLE
                    | Segment.ACCESSED;
        }
        cpu.segmentation.changed(segment);
    }

    /** Reads a descriptor of the GDT or LDT; a selector beyond it is a fault. */
    long descriptor(int selector, int faultVector, @Nullable Instruction at) {
        if (!inTable(selector)) throw cpu.fault(faultVector, selector & ~SELECTOR_RPL, at);
        return readSystem(descriptorAddress(selector), at);
    }

    /** Whether a selector is inside its table. */
    boolean inTable(int selector) {
        boolean local = (selector & SELECTOR_TI) != 0;
        if (local && !cpu.ldtr.usable) return false;
        long limit = local ? cpu.ldtr.limit : cpu.gdtLimit;
        return (selector | 7) <= limit;
    }

    private long descriptorAddress(int selector) {
        long base = (selector & SELECTOR_TI) != 0 ? cpu.ldtr.base : cpu.gdtBase;
        return base + (selector & SELECTOR_INDEX);
    }

    /** Sets a descriptor's accessed bit in memory, if it is not set. */
    long accessed(int selector, long descriptor, @Nullable Instruction at) {
        long bit = (long) Segment.ACCESSED << 32;
        if ((descriptor & bit) == 0) writeSystem(descriptorAddress(selector), descriptor | bit, at);
        return descriptor | bit;
    }

    /** Reads 8 bytes with supervisor's rights. */
    @SuppressWarnings("NullAway") // at is null only where RIP is set
    long readSystem(long address, @Nullable Instruction at) {
        cpu.mmu.selectImplicit();
        long value = cpu.mmu.load64(address, at);
        cpu.mmu.select(cpu.cpl == 3);
        return value;
    }

    @SuppressWarnings("NullAway") // at is null only where RIP is set
    void writeSystem(long address, long value, @Nullable Instruction at) {
        cpu.mmu.selectImplicit();
        cpu.mmu.store64(address, value, at);
        cpu.mmu.select(cpu.cpl == 3);
    }

    /** LLDT. */
    public void loadLdt(int selector, Instruction at) {
        if ((selector & ~SELECTOR_RPL) == 0) {
            cpu.ldtr.loadNull(selector);
            return;
        }
        long descriptor = systemDescriptor(selector, SYSTEM_LDT, at);
        long upper = cpu.longMode() ? upperHalf(selector, at) : 0;
        cpu.ldtr.load(selector, descriptor);
        cpu.ldtr.base |= upper << 32;
    }

    /** LTR: the task-state segment becomes busy. */
    public void loadTask(int selector, Instruction at) {
        if ((selector & ~SELECTOR_RPL) == 0) throw cpu.fault(Vectors.GP, 0, at);
        long descriptor = systemDescriptor(selector, SYSTEM_TSS, at) | (long) SYSTEM_BUSY << (32 + Segment.TYPE_SHIFT);
        long upper = cpu.longMode() ? upperHalf(selector, at) : 0;
        if ((upper >>> 32 & UPPER_TYPE) != 0) throw cpu.fault(Vectors.GP, selector & ~SELECTOR_RPL, at);
        writeSystem(cpu.gdtBase + (selector & SELECTOR_INDEX), descriptor, at);
        cpu.tr.load(selector, descriptor);
        cpu.tr.base |= upper << 32;
    }

    private long systemDescriptor(int selector, int type, Instruction at) {
        int error = selector & ~SELECTOR_RPL;
        if ((selector & SELECTOR_TI) != 0) throw cpu.fault(Vectors.GP, error, at);
        long descriptor = descriptor(selector, Vectors.GP, at);
        int attributes = (int) (descriptor >>> 32);
        int found = (attributes & Segment.TYPE) >> Segment.TYPE_SHIFT;
        boolean task16 = type == SYSTEM_TSS && found == SYSTEM_TSS_16 && !cpu.longMode();
        if ((attributes & Segment.CODE_OR_DATA) != 0 || (found != type && !task16)) {
            throw cpu.fault(Vectors.GP, error, at);
        }
        if ((attributes & Segment.PRESENT) == 0) throw cpu.fault(Vectors.NP, error, at);
        return descriptor;
    }

    /**
     * The upper 8 bytes of a system descriptor, which has 16 in long mode (Intel SDM vol. 3A,
     * 8.2.3); #GP if they are beyond its table.
     */
    long upperHalf(int selector, @Nullable Instruction at) {
        if (!inTable((selector & SELECTOR_INDEX) + 8 | (selector & SELECTOR_TI))) {
            throw cpu.fault(Vectors.GP, selector & ~SELECTOR_RPL, at);
        }
        return readSystem(descriptorAddress(selector) + 8, at);
    }

    /**
     * What LAR, LSL, VERR and VERW look at: a descriptor that is there and may be seen.
     *
     * @return the descriptor, or 0
     */
    public long visibleDescriptor(int selector, Instruction at) {
        if ((selector & ~SELECTOR_RPL) == 0 || !inTable(selector)) return 0;
        long descriptor = readSystem(descriptorAddress(selector), at);
        int attributes = (int) (descriptor >>> 32);
        boolean conforming = (attributes & (Segment.CODE_OR_DATA | Segment.CODE | Segment.EXPAND_DOWN_OR_CONFORMING))
                == (Segment.CODE_OR_DATA | Segment.CODE | Segment.EXPAND_DOWN_OR_CONFORMING);
        int dpl = Segment.dplOf(attributes);
        if (!conforming && Math.max(cpu.cpl, selector & SELECTOR_RPL) > dpl) return 0;
        return descriptor;
    }

    /** Limit in bytes of a descriptor: LSL. */
    public static long limit(long descriptor) {
        return Segment.limitOf(descriptor);
    }

    /** #GP(0 or 1) for a target outside of its code segment, or not canonical. */
    void requireInside(long code, long offset, int external) {
        boolean toLong = cpu.longMode() && (code >>> 32 & Segment.LONG) != 0;
        boolean inside = toLong ? cpu.canonical(offset) : Long.compareUnsigned(offset, Segment.limitOf(code)) <= 0;
        if (!inside) throw cpu.fault(Vectors.GP, external, null);
    }

    /** Loads CS for a transfer that was checked; sets CPL. */
    void loadCode(int selector, long descriptor, int newCpl) {
        cpu.segments[Cpu.CS].load((selector & ~SELECTOR_RPL) | newCpl, descriptor);
        cpu.segmentation.changed(Cpu.CS);
        cpu.cpl(newCpl);
        cpu.updateMode();
    }

    /**
     * A flat segment as SYSCALL, SYSENTER and their returns make them: Intel SDM vol. 2B, SYSCALL.
     *
     * @param selector of which 16 bits count
     */
    public void loadFlat(int segment, int selector, boolean code, int dpl, boolean longCode) {
        Segment target = cpu.segments[segment];
        target.selector = selector & 0xFFFF;
        target.base = 0;
        target.limit = 0xFFFF_FFFFL;
        target.usable = true;
        target.attributes = (code ? 0xB : 0x3) << Segment.TYPE_SHIFT
                | Segment.CODE_OR_DATA
                | dpl << Segment.DPL_SHIFT
                | Segment.PRESENT
                | Segment.GRANULARITY
                | (longCode ? Segment.LONG : Segment.DEFAULT_32);
        cpu.segmentation.changed(segment);
    }
}
