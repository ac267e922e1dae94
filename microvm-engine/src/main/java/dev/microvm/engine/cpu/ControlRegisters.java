package dev.microvm.engine.cpu;

import static dev.microvm.hypervisor.SpecialRegisters.CR0_AM;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_CD;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_EM;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_ET;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_MP;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_NE;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_NW;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_PE;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_PG;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_TS;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_WP;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_DE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PAE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PCIDE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PGE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PSE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_SMAP;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_SMEP;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LMA;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LME;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_NXE;

import dev.microvm.engine.decode.CodeMode;
import org.jspecify.annotations.Nullable;

/**
 * Control registers, EFER and XCR0: their bits, and what writing them checks and changes. Their
 * values are in {@link Cpu}.
 *
 * <p>Source: Intel SDM vol. 3A, 2.5, and vol. 4, table 2-2.
 */
public final class ControlRegisters {

    static final long CR0_KNOWN =
            CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;

    /** The process-context identifier, with CR4.PCIDE: Intel SDM vol. 3A, 4.10.1. */
    public static final long CR3_PCID = 0xFFF;

    /** XCR0: state that XSAVE manages. Intel SDM vol. 1, 13.3. */
    public static final long XCR0_X87 = 1L << 0;

    public static final long XCR0_SSE = 1L << 1;

    /** The upper halves of YMM registers. */
    public static final long XCR0_AVX = 1L << 2;

    /** What YMM registers consist of. */
    static final long XCR0_YMM = XCR0_SSE | XCR0_AVX;

    /** What XCR0 may have, where nothing is hidden. */
    public static final long XCR0_KNOWN = XCR0_X87 | XCR0_SSE | XCR0_AVX;

    /** Where PAE paging has its four pointers, in CR3: Intel SDM vol. 3A, table 4-7. */
    private static final long PAGE_POINTERS = 0xFFFF_FFE0L;

    private final Cpu cpu;
    private final long[] pagePointers = new long[4];

    ControlRegisters(Cpu cpu) {
        this.cpu = cpu;
    }

    /** MOV to CR0, LMSW, CLTS. */
    public void cr0(long value, @Nullable Instruction at) {
        boolean paging = (value & CR0_PG) != 0;
        boolean invalid = (paging && (value & CR0_PE) == 0)
                || ((value & CR0_NW) != 0 && (value & CR0_CD) == 0)
                || (!paging && (cpu.cr4 & CR4_PCIDE) != 0)
                || value >>> 32 != 0;
        boolean starts = paging && !cpu.paging();
        boolean toLong = starts && (cpu.efer & EFER_LME) != 0;
        if (toLong) invalid |= (cpu.cr4 & CR4_PAE) == 0 || cpu.segments[Cpu.CS].isLong();
        if (!paging && cpu.paging() && cpu.mode() == CodeMode.BITS_64) invalid = true;
        if (invalid) throw cpu.fault(Vectors.GP, 0, at);
        if (starts && !toLong && (cpu.cr4 & CR4_PAE) != 0) loadPagePointers(cpu.cr3, at);
        long changed = cpu.cr0 ^ value;
        cpu.cr0 = (value & CR0_KNOWN) | CR0_ET;
        if (toLong) cpu.efer |= EFER_LMA;
        if (!paging) cpu.efer &= ~EFER_LMA;
        if ((changed & (CR0_PG | CR0_WP | CR0_PE)) != 0) cpu.mmu.flush();
        cpu.mmu.select(cpu.cpl == 3);
        cpu.updateMode();
    }

    /**
     * MOV to CR3. The TLB knows no process-context identifiers: it forgets even where bit 63 would
     * let it not.
     */
    public void cr3(long value, @Nullable Instruction at) {
        boolean identified = (cpu.cr4 & CR4_PCIDE) != 0;
        long base = identified ? value & Long.MAX_VALUE : value;
        if (cpu.longMode() && (base & cpu.features().beyondPhysical()) != 0) throw cpu.fault(Vectors.GP, 0, at);
        if (pagePointersUsed()) loadPagePointers(base, at);
        cpu.cr3 = base;
        cpu.mmu.flushNonGlobal();
    }

    /** MOV to CR4. */
    public void cr4(long value, @Nullable Instruction at) {
        long changed = cpu.cr4 ^ value;
        boolean invalid = (value & ~cpu.features().cr4) != 0 || (cpu.longMode() && (value & CR4_PAE) == 0);
        if ((changed & value & CR4_PCIDE) != 0) { // Intel SDM vol. 3A, 4.10.1
            invalid |= !cpu.longMode() || (cpu.cr3 & CR3_PCID) != 0;
        }
        if (invalid) throw cpu.fault(Vectors.GP, 0, at);
        long paging = CR4_PAE | CR4_PSE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP;
        boolean pointers = cpu.paging() && !cpu.longMode() && (value & CR4_PAE) != 0;
        if (pointers && (changed & paging) != 0) loadPagePointers(cpu.cr3, at);
        cpu.cr4 = value;
        if ((changed & paging) != 0) cpu.mmu.flush();
        if ((changed & CR4_SMAP) != 0) cpu.mmu.select(cpu.cpl == 3);
        if ((changed & CR4_DE) != 0) cpu.debug.arm();
    }

    /** One of the four pointers that PAE paging loads with CR3. */
    long pagePointer(int i) {
        return pagePointers[i];
    }

    private boolean pagePointersUsed() {
        return cpu.paging() && (cpu.cr4 & CR4_PAE) != 0 && !cpu.longMode();
    }

    private long readPagePointer(long base, int i) {
        return cpu.mmu.physical64((base & PAGE_POINTERS) + (long) i * Long.BYTES);
    }

    /** Loads the pointers of PAE paging as they are, after registers were set from outside. */
    void reloadPagePointers() {
        if (!pagePointersUsed()) return;
        for (int i = 0; i < pagePointers.length; i++) pagePointers[i] = readPagePointer(cpu.cr3, i);
    }

    /**
     * Loads the four pointers of PAE paging: Intel SDM vol. 3A, 4.4.1; a wrong one is #GP(0), and
     * none is loaded.
     */
    private void loadPagePointers(long from, @Nullable Instruction at) {
        long[] loaded = new long[pagePointers.length];
        for (int i = 0; i < loaded.length; i++) {
            loaded[i] = readPagePointer(from, i);
            if (PageWalk.invalidPointer(loaded[i], cpu.features())) throw cpu.fault(Vectors.GP, 0, at);
        }
        System.arraycopy(loaded, 0, pagePointers, 0, loaded.length);
    }

    /** WRMSR to EFER. */
    public void efer(long value, @Nullable Instruction at) {
        long known = cpu.features().efer;
        boolean invalid = (value & ~(known | EFER_LMA)) != 0 || (cpu.paging() && ((cpu.efer ^ value) & EFER_LME) != 0);
        if (invalid) throw cpu.fault(Vectors.GP, 0, at);
        long changed = cpu.efer ^ value;
        cpu.efer = (value & known) | (cpu.efer & EFER_LMA);
        if ((changed & EFER_NXE) != 0) cpu.mmu.flush();
    }
}
