package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicRegisters.*;

import java.util.Arrays;

/** The local vector table: Intel SDM vol. 3A, 11.5.1, figure 11-8. Not thread-safe. */
final class LocalVectorTable {
    private static final int ENTRIES = 6;

    private final int[] entries = new int[ENTRIES];

    LocalVectorTable() {
        reset();
    }

    void reset() {
        Arrays.fill(entries, LVT_MASKED);
    }

    static boolean contains(int offset) {
        return offset >= LVT_TIMER && offset <= LVT_ERROR;
    }

    int entry(int offset) {
        return entries[index(offset)];
    }

    /** Writes an entry; its mask stays set while the APIC is disabled by software: 11.4.7.2. */
    void entry(int offset, int value, boolean softwareEnabled) {
        int old = entries[index(offset)];
        int kept = (value & writable(offset)) | (softwareEnabled ? 0 : LVT_MASKED);
        boolean level = offset == LVT_LINT0 && isFixedLevel(kept);
        entries[index(offset)] = kept | (level ? old & LVT_REMOTE_IRR : 0);
    }

    /** Puts back an entry as it was read. */
    void restore(int offset, int value) {
        entries[index(offset)] = value & (writable(offset) | LVT_REMOTE_IRR);
    }

    void mask(int offset) {
        entries[index(offset)] |= LVT_MASKED;
    }

    void maskAll() {
        for (int i = 0; i < ENTRIES; i++) entries[i] |= LVT_MASKED;
    }

    /** Whether a pin asks for as long as it is high; LINT1 cannot, and only fixed interrupts do. */
    boolean isLevelTriggered(int offset) {
        return offset == LVT_LINT0 && isFixedLevel(entry(offset));
    }

    void remoteIrr(int offset, boolean set) {
        entries[index(offset)] = set ? entry(offset) | LVT_REMOTE_IRR : entry(offset) & ~LVT_REMOTE_IRR;
    }

    static int deliveryMode(int entry) {
        return (entry >> DELIVERY_MODE_SHIFT) & DELIVERY_MODE;
    }

    static int writable(int offset) {
        return LVT_MASKED
                | VECTOR
                | switch (offset) {
                    case LVT_TIMER -> LVT_TIMER_MODE << LVT_TIMER_MODE_SHIFT;
                    case LVT_LINT0, LVT_LINT1 -> LVT_MODE | LVT_POLARITY | LVT_LEVEL;
                    case LVT_ERROR -> 0;
                    default -> LVT_MODE;
                };
    }

    private static boolean isFixedLevel(int entry) {
        return deliveryMode(entry) == FIXED && (entry & LVT_LEVEL) != 0;
    }

    private static int index(int offset) {
        return (offset - LVT_TIMER) / REGISTER_STRIDE;
    }
}
