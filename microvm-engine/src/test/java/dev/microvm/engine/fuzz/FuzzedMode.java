package dev.microvm.engine.fuzz;

import static dev.microvm.hypervisor.SpecialRegisters.CR0_ET;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_PE;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_PG;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PAE;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LMA;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LME;

import dev.microvm.hypervisor.SegmentRegister;

/** How a fuzzed guest begins. */
enum FuzzedMode {
    REAL(0, 0, 0),
    PROTECTED(CR0_PE, 0, 0),
    PAGES_32(CR0_PE | CR0_PG, 0, 0),
    PAGES_PAE(CR0_PE | CR0_PG, CR4_PAE, 0),
    COMPATIBILITY(CR0_PE | CR0_PG, CR4_PAE, EFER_LME | EFER_LMA),
    LONG(CR0_PE | CR0_PG, CR4_PAE, EFER_LME | EFER_LMA);

    private static final int SELECTOR = 8;

    final long cr0;
    final long cr4;
    final long efer;

    FuzzedMode(long cr0, long cr4, long efer) {
        this.cr0 = CR0_ET | cr0;
        this.cr4 = cr4;
        this.efer = efer;
    }

    /** The segment of its code. */
    SegmentRegister code() {
        return switch (this) {
            case REAL -> SegmentRegister.realMode(0, SegmentRegister.TYPE_CODE);
            case LONG -> SegmentRegister.code64(SELECTOR);
            default -> SegmentRegister.flat32(SELECTOR, SegmentRegister.TYPE_CODE);
        };
    }
}
