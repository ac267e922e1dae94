package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicRegisters.*;

/**
 * IA32_APIC_BASE: Intel SDM vol. 3A, 11.4.3, 11.4.4 and 11.12.5. Guarded by the lock of its {@link
 * LocalApic}.
 */
final class ApicBase {
    private static final int DEFAULT_PHYSICAL_ADDRESS_BITS = 52;

    private long value;
    private ApicMode mode = ApicMode.XAPIC; // as the value says
    private boolean x2ApicAllowed = true;
    private int physicalAddressBits = DEFAULT_PHYSICAL_ADDRESS_BITS;

    void features(boolean x2Apic, int addressBits) {
        x2ApicAllowed = x2Apic;
        physicalAddressBits = addressBits;
    }

    long value() {
        return value;
    }

    void value(long newValue) {
        value = newValue;
        mode = ApicMode.of(newValue);
    }

    ApicMode mode() {
        return mode;
    }

    boolean isBootstrapProcessor() {
        return (value & BASE_BSP) != 0;
    }

    /** Whether the guest may write a value now. */
    boolean takes(long newValue) {
        ApicMode next = ApicMode.of(newValue);
        boolean extendedAndOff = next == ApicMode.DISABLED && (newValue & BASE_EXTD) != 0;
        return (newValue & reservedBits()) == 0 && !extendedAndOff && next.mayFollow(mode);
    }

    private long reservedBits() {
        long allowed = BASE_BSP | BASE_ENABLE | (BASE_ADDRESS & ((1L << physicalAddressBits) - 1));
        return ~(x2ApicAllowed ? allowed | BASE_EXTD : allowed);
    }
}
