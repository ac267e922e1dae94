package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Cpu;

/** Which registers and flags are local variables of a region, and where. */
final class RegionRegisters {
    // What comes after the slots of Cpu.r
    static final int FLAG_RESULT = 27;
    static final int FLAG_CARRY = 28;
    static final int COUNT = 29;

    // Local variables; 0 is the region, 1 the CPU
    static final int TURNS = 2; // a parameter
    static final int REGISTERS = 3;
    static final int TLB = 4;
    private static final int FIRST = 5;

    /** The first that is for temporaries. */
    static final int TEMPORARIES = FIRST + 2 * COUNT;

    private int used;
    private int set;

    static int local(int slot) {
        return FIRST + 2 * slot;
    }

    /** Whether a slot has a meaning inside of an instruction alone. */
    static boolean isPassing(int slot) {
        return slot >= Cpu.ADDRESS && slot < FLAG_RESULT;
    }

    static String flagName(int slot) {
        return slot == FLAG_RESULT ? "flagResult" : "flagCarry";
    }

    void use(int slot) {
        used |= 1 << slot;
    }

    void set(int slot) {
        used |= 1 << slot;
        set |= 1 << slot;
    }

    /** Whether it is a local variable. */
    boolean isUsed(int slot) {
        return (used >> slot & 1) != 0;
    }

    /** Whether it must be put back where the region ends. */
    boolean isSaved(int slot) {
        return (set >> slot & 1) != 0 && !isPassing(slot);
    }

    /** The descriptor of the method that puts all back. */
    String saveDescriptor() {
        StringBuilder descriptor =
                new StringBuilder("(L").append(RegionCode.CPU).append(';');
        for (int slot = 0; slot < COUNT; slot++) {
            if (isSaved(slot)) descriptor.append('J');
        }
        return descriptor.append(")V").toString();
    }
}
