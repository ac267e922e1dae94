package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Instruction;
import org.jspecify.annotations.Nullable;

/**
 * An {@link Instruction} that touches registers alone. Nothing can happen between it and the next
 * one: it neither faults nor is watched, and the host has no turn. So a translator may join the
 * two, and may leave out arithmetic flags that a later instruction overwrites before anything reads
 * them.
 */
public interface RegisterOnly {
    /** What an instruction has to do with the six arithmetic flags. */
    enum FlagUse {
        /** Nothing. */
        NONE,
        /** Leaves all six, whatever they were. */
        OVERWRITES,
        /** Reads some, or leaves some as they were. */
        NEEDS
    }

    /** What this one has to do with them. */
    FlagUse flagUse();

    /** One that does the same but leaves the flags alone; null if that is no less work. */
    default @Nullable Instruction withoutFlags() {
        return null;
    }

    /** One that does this and the one after it; null if none does both. */
    default @Nullable Instruction joined(RegisterOnly following) {
        return null;
    }

    /**
     * One that does this and, before it, a move between registers; null if none does both.
     *
     * @param to the register that is written, all of it
     * @param from that which is read
     * @param bits of it that count; above them are zeros
     */
    default @Nullable Instruction afterMove(int to, int from, int bits) {
        return null;
    }
}
