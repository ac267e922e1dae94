package dev.microvm.hypervisor;

import java.util.Objects;

/**
 * Segments, descriptor tables and control registers: Intel SDM vol. 3A, 2.4 and 2.5.
 *
 * @param cr8 task priority, 0 to 15
 * @param efer value of IA32_EFER
 * @param apicBase value of IA32_APIC_BASE
 */
public record SpecialRegisters(
        SegmentRegister cs,
        SegmentRegister ds,
        SegmentRegister es,
        SegmentRegister fs,
        SegmentRegister gs,
        SegmentRegister ss,
        SegmentRegister tr,
        SegmentRegister ldt,
        DescriptorTable gdt,
        DescriptorTable idt,
        long cr0,
        long cr2,
        long cr3,
        long cr4,
        long cr8,
        long efer,
        long apicBase) {
    // CR0: Intel SDM vol. 3A, 2.5

    /** CR0.PE: protected mode. */
    public static final long CR0_PE = 1L << 0;

    /** CR0.MP: WAIT obeys TS. */
    public static final long CR0_MP = 1L << 1;

    /** CR0.EM: there is no x87 unit. */
    public static final long CR0_EM = 1L << 2;

    /** CR0.TS: the task was switched, so that x87 and SSE instructions are exceptions. */
    public static final long CR0_TS = 1L << 3;

    /** CR0.ET: fixed to 1. */
    public static final long CR0_ET = 1L << 4;

    /** CR0.NE: x87 errors raise exceptions. */
    public static final long CR0_NE = 1L << 5;

    /** CR0.WP: supervisor code cannot write to read-only pages. */
    public static final long CR0_WP = 1L << 16;

    /** CR0.AM: alignment checks may be on. */
    public static final long CR0_AM = 1L << 18;

    /** CR0.NW: not write-through. */
    public static final long CR0_NW = 1L << 29;

    /** CR0.CD: cache disable. */
    public static final long CR0_CD = 1L << 30;

    /** CR0.PG: paging. */
    public static final long CR0_PG = 1L << 31;

    // CR4: Intel SDM vol. 3A, 2.5

    /** CR4.TSD: RDTSC is for privilege level 0. */
    public static final long CR4_TSD = 1L << 2;

    /** CR4.DE: I/O breakpoints, and no aliases of DR6 and DR7. */
    public static final long CR4_DE = 1L << 3;

    /** CR4.PSE: pages of 4 MiB with 32-bit paging. */
    public static final long CR4_PSE = 1L << 4;

    /** CR4.PAE: page-table entries of 64 bits. */
    public static final long CR4_PAE = 1L << 5;

    /** CR4.MCE: machine checks are exceptions. */
    public static final long CR4_MCE = 1L << 6;

    /** CR4.PGE: global pages. */
    public static final long CR4_PGE = 1L << 7;

    /** CR4.PCE: RDPMC is for all privilege levels. */
    public static final long CR4_PCE = 1L << 8;

    /** CR4.OSFXSR: the system uses FXSAVE, so SSE is on. */
    public static final long CR4_OSFXSR = 1L << 9;

    /** CR4.OSXMMEXCPT: SIMD floating-point exceptions. */
    public static final long CR4_OSXMMEXCPT = 1L << 10;

    /** CR4.UMIP: SGDT and its kin are for privilege level 0. */
    public static final long CR4_UMIP = 1L << 11;

    /** CR4.FSGSBASE: instructions for the bases of FS and GS. */
    public static final long CR4_FSGSBASE = 1L << 16;

    /** CR4.PCIDE: process-context identifiers. */
    public static final long CR4_PCIDE = 1L << 17;

    /** CR4.OSXSAVE: XSAVE and XCR0. */
    public static final long CR4_OSXSAVE = 1L << 18;

    /** CR4.SMEP: the supervisor runs no code of user pages. */
    public static final long CR4_SMEP = 1L << 20;

    /** CR4.SMAP: the supervisor accesses user pages with RFLAGS.AC alone. */
    public static final long CR4_SMAP = 1L << 21;

    // IA32_EFER: Intel SDM vol. 3A, 2.2.1

    /** IA32_EFER.SCE: SYSCALL and SYSRET. */
    public static final long EFER_SCE = 1L << 0;

    /** IA32_EFER.LME: long mode enabled. */
    public static final long EFER_LME = 1L << 8;

    /** IA32_EFER.LMA: long mode active. */
    public static final long EFER_LMA = 1L << 10;

    /** IA32_EFER.NXE: pages that cannot be executed. */
    public static final long EFER_NXE = 1L << 11;

    /** Checks that no component is null. */
    public SpecialRegisters {
        Objects.requireNonNull(cs, "cs");
        Objects.requireNonNull(ds, "ds");
        Objects.requireNonNull(es, "es");
        Objects.requireNonNull(fs, "fs");
        Objects.requireNonNull(gs, "gs");
        Objects.requireNonNull(ss, "ss");
        Objects.requireNonNull(tr, "tr");
        Objects.requireNonNull(ldt, "ldt");
        Objects.requireNonNull(gdt, "gdt");
        Objects.requireNonNull(idt, "idt");
    }

    /** Returns a copy with another code segment and other data segments (DS, ES, FS, GS, SS). */
    public SpecialRegisters withSegments(SegmentRegister code, SegmentRegister data) {
        return new SpecialRegisters(
                code, data, data, data, data, data, tr, ldt, gdt, idt, cr0, cr2, cr3, cr4, cr8, efer, apicBase);
    }

    /** Returns a copy with another task register (TR) and LDTR. */
    public SpecialRegisters withTask(SegmentRegister newTr, SegmentRegister newLdt) {
        return new SpecialRegisters(
                cs, ds, es, fs, gs, ss, newTr, newLdt, gdt, idt, cr0, cr2, cr3, cr4, cr8, efer, apicBase);
    }

    /** Returns a copy with other descriptor tables. */
    public SpecialRegisters withTables(DescriptorTable newGdt, DescriptorTable newIdt) {
        return new SpecialRegisters(
                cs, ds, es, fs, gs, ss, tr, ldt, newGdt, newIdt, cr0, cr2, cr3, cr4, cr8, efer, apicBase);
    }

    /** Returns a copy with another CR0, CR3, CR4 and EFER. */
    public SpecialRegisters withControl(long newCr0, long newCr3, long newCr4, long newEfer) {
        return new SpecialRegisters(
                cs, ds, es, fs, gs, ss, tr, ldt, gdt, idt, newCr0, cr2, newCr3, newCr4, cr8, newEfer, apicBase);
    }

    @Override
    public String toString() {
        return """
                cs=%04x base=%x limit=%x  ss=%04x base=%x  ds=%04x es=%04x fs=%04x gs=%04x
                cr0=%x cr2=%x cr3=%x cr4=%x cr8=%x efer=%x apic_base=%x gdt=%x+%x idt=%x+%x""".formatted(
                        cs.selector(),
                        cs.base(),
                        cs.limit(),
                        ss.selector(),
                        ss.base(),
                        ds.selector(),
                        es.selector(),
                        fs.selector(),
                        gs.selector(),
                        cr0,
                        cr2,
                        cr3,
                        cr4,
                        cr8,
                        efer,
                        apicBase,
                        gdt.base(),
                        gdt.limit(),
                        idt.base(),
                        idt.limit());
    }
}
