package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicRegisters.BASE_ENABLE;
import static dev.microvm.engine.apic.ApicRegisters.BASE_EXTD;

/**
 * How a local APIC is reached, by bits 10 and 11 of IA32_APIC_BASE: Intel SDM vol. 3A, table 11-5.
 */
public enum ApicMode {
    /** Not at all; the processor has the pins INTR and NMI of one without an APIC. */
    DISABLED,
    /** By a page of memory. */
    XAPIC,
    /** By MSRs. */
    X2APIC;

    static ApicMode of(long apicBase) {
        if ((apicBase & BASE_ENABLE) == 0) return DISABLED;
        return (apicBase & BASE_EXTD) != 0 ? X2APIC : XAPIC;
    }

    /**
     * Whether IA32_APIC_BASE may be written so that this mode follows {@code from}: figure 11-27.
     */
    boolean mayFollow(ApicMode from) {
        return switch (this) {
            case DISABLED -> true;
            case XAPIC -> from != X2APIC;
            case X2APIC -> from != DISABLED;
        };
    }
}
