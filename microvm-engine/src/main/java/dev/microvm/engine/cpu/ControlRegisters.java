package dev.microvm.engine.cpu;

/** Bits of control registers and EFER: Intel SDM vol. 3A, 2.5, and vol. 4, table 2-2. */
public final class ControlRegisters {
    public static final long CR0_PE = 1L << 0;
    public static final long CR0_MP = 1L << 1;
    public static final long CR0_EM = 1L << 2;
    public static final long CR0_TS = 1L << 3;
    public static final long CR0_ET = 1L << 4;
    public static final long CR0_NE = 1L << 5;
    public static final long CR0_WP = 1L << 16;
    public static final long CR0_AM = 1L << 18;
    public static final long CR0_NW = 1L << 29;
    public static final long CR0_CD = 1L << 30;
    public static final long CR0_PG = 1L << 31;

    static final long CR0_KNOWN =
            CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;

    public static final long CR4_TSD = 1L << 2;
    public static final long CR4_DE = 1L << 3;
    public static final long CR4_PSE = 1L << 4;
    public static final long CR4_PAE = 1L << 5;
    public static final long CR4_MCE = 1L << 6;
    public static final long CR4_PGE = 1L << 7;
    public static final long CR4_PCE = 1L << 8;
    public static final long CR4_OSFXSR = 1L << 9;
    public static final long CR4_OSXMMEXCPT = 1L << 10;
    public static final long CR4_UMIP = 1L << 11;
    public static final long CR4_FSGSBASE = 1L << 16;
    public static final long CR4_PCIDE = 1L << 17;
    public static final long CR4_OSXSAVE = 1L << 18;
    public static final long CR4_SMEP = 1L << 20;

    /** What a guest may set: all that goes with a feature that {@link CpuidTable#supported} has. */
    static final long CR4_KNOWN = CR4_TSD
            | CR4_DE
            | CR4_PSE
            | CR4_PAE
            | CR4_MCE
            | CR4_PGE
            | CR4_PCE
            | CR4_OSFXSR
            | CR4_OSXMMEXCPT
            | CR4_UMIP
            | CR4_FSGSBASE
            | CR4_OSXSAVE
            | CR4_PCIDE
            | CR4_SMEP;

    /** The process-context identifier, with CR4.PCIDE: Intel SDM vol. 3A, 4.10.1. */
    public static final long CR3_PCID = 0xFFF;

    public static final long EFER_SCE = 1L << 0;
    public static final long EFER_LME = 1L << 8;
    public static final long EFER_LMA = 1L << 10;
    public static final long EFER_NXE = 1L << 11;

    static final long EFER_KNOWN = EFER_SCE | EFER_LME | EFER_NXE;

    /** XCR0: state that XSAVE manages. Intel SDM vol. 1, 13.3. */
    public static final long XCR0_X87 = 1L << 0;

    public static final long XCR0_SSE = 1L << 1;

    /** What XCR0 may have. */
    public static final long XCR0_KNOWN = XCR0_X87 | XCR0_SSE;

    private ControlRegisters() {}
}
