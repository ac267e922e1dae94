package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicRegisters.*;

/**
 * Which MSRs x2APIC mode has, and which values they take: Intel SDM vol. 3A, table 11-6 and
 * 11.12.1.
 */
final class X2ApicMsrs {
    private X2ApicMsrs() {}

    /** The offset in the page of the register that an MSR is. */
    static int offset(int msr) {
        return (msr - X2APIC_FIRST) * REGISTER_STRIDE;
    }

    static boolean isReadable(int offset) {
        return switch (offset) {
            case EOI, SELF_IPI, APR, RRD, DFR, ICR_HIGH -> false;
            default -> ApicRegisterFile.exists(offset);
        };
    }

    /**
     * Whether a write is allowed: reserved bits and read-only registers are a general-protection
     * fault.
     */
    static boolean isWritable(int offset, long value) {
        return (value & ~allowed(offset)) == 0 && hasWrite(offset);
    }

    private static boolean hasWrite(int offset) {
        return switch (offset) {
            case TPR, EOI, SVR, ESR, ICR, INITIAL_COUNT, DIVIDE, SELF_IPI -> true;
            default -> LocalVectorTable.contains(offset);
        };
    }

    private static long allowed(int offset) {
        if (LocalVectorTable.contains(offset)) {
            int readOnly = offset == LVT_LINT0 || offset == LVT_LINT1 ? LVT_REMOTE_IRR : 0;
            return LocalVectorTable.writable(offset) | readOnly | LVT_DELIVERY_STATUS;
        }
        return switch (offset) {
            case TPR, SELF_IPI -> 0xff;
            case SVR -> SVR_WRITABLE;
            case ICR -> 0xffff_ffff_0000_0000L | ICR_WRITABLE;
            case INITIAL_COUNT -> 0xffff_ffffL;
            case DIVIDE -> DIVIDE_WRITABLE;
            default -> 0; // EOI and ESR
        };
    }
}
