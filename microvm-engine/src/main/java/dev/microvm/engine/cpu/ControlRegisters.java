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
import static dev.microvm.hypervisor.SpecialRegisters.CR4_FSGSBASE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_MCE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_OSFXSR;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_OSXMMEXCPT;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_OSXSAVE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PAE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PCE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PCIDE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PGE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PSE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_SMEP;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_TSD;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_UMIP;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LME;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_NXE;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_SCE;

/** What control registers, EFER and XCR0 may hold here: Intel SDM vol. 3A, 2.5, and vol. 4, table 2-2. */
public final class ControlRegisters {
    static final long CR0_KNOWN =
            CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;

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

    static final long EFER_KNOWN = EFER_SCE | EFER_LME | EFER_NXE;

    /** XCR0: state that XSAVE manages. Intel SDM vol. 1, 13.3. */
    public static final long XCR0_X87 = 1L << 0;

    public static final long XCR0_SSE = 1L << 1;

    /** What XCR0 may have. */
    public static final long XCR0_KNOWN = XCR0_X87 | XCR0_SSE;

    private ControlRegisters() {}
}
