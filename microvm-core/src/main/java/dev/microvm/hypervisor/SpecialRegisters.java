package dev.microvm.hypervisor;

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
    /** CR0.PE: protected mode. */
    public static final long CR0_PE = 1L << 0;

    /** CR0.MP: WAIT obeys TS. */
    public static final long CR0_MP = 1L << 1;

    /** CR0.ET: fixed to 1. */
    public static final long CR0_ET = 1L << 4;

    /** CR0.NE: x87 errors raise exceptions. */
    public static final long CR0_NE = 1L << 5;

    /** CR0.WP: supervisor code cannot write to read-only pages. */
    public static final long CR0_WP = 1L << 16;

    /** CR0.NW: not write-through. */
    public static final long CR0_NW = 1L << 29;

    /** CR0.CD: cache disable. */
    public static final long CR0_CD = 1L << 30;

    /** CR0.PG: paging. */
    public static final long CR0_PG = 1L << 31;

    /** CR4.PAE: physical address extension. */
    public static final long CR4_PAE = 1L << 5;

    /** CR4.OSFXSR: FXSAVE and SSE. */
    public static final long CR4_OSFXSR = 1L << 9;

    /** CR4.OSXMMEXCPT: SIMD floating-point exceptions. */
    public static final long CR4_OSXMMEXCPT = 1L << 10;

    /** IA32_EFER.LME: long mode enabled. */
    public static final long EFER_LME = 1L << 8;

    /** IA32_EFER.LMA: long mode active. */
    public static final long EFER_LMA = 1L << 10;

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
