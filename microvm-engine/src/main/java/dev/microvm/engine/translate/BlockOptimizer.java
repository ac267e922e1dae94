package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.exec.RegisterOnly;
import dev.microvm.engine.exec.RegisterOnly.FlagUse;
import org.jspecify.annotations.Nullable;

/** Makes a whole block shorter: fewer instructions, and fewer flags. */
final class BlockOptimizer {
    private @Nullable Instruction first;

    private BlockOptimizer(Instruction first) {
        this.first = first;
    }

    /**
     * Returns the first instruction of what does the same as the block that begins with this one.
     */
    static Instruction of(Instruction first) {
        BlockOptimizer block = new BlockOptimizer(first);
        block.joinMoves();
        block.leaveOutUnseenFlags();
        return block.first();
    }

    private Instruction first() {
        if (first == null) throw new IllegalStateException("an empty block");
        return first;
    }

    /**
     * Joins a move and the operation on its target after it, as processors with three operands have
     * it.
     */
    private void joinMoves() {
        Instruction before = null;
        Instruction each = first();
        while (each.isFollowed()) {
            Instruction following = each.next;
            Instruction both = each instanceof RegisterOnly move && following instanceof RegisterOnly operation
                    ? move.joined(operation)
                    : null;
            if (both != null) {
                both.place(each.start(), following.end());
                if (following.isFollowed()) both.next = following.next;
                replace(before, both);
                each = both;
            } else {
                before = each;
                each = following;
            }
        }
    }

    /** Leaves out flags that nothing reads before others replace them. */
    private void leaveOutUnseenFlags() {
        Instruction beforeUnseen = null;
        Instruction unseen = null;
        Instruction before = null;
        for (Instruction each = first(); ; each = each.next) {
            FlagUse use = each instanceof RegisterOnly onRegisters ? onRegisters.flagUse() : FlagUse.NEEDS;
            if (use == FlagUse.OVERWRITES) {
                Instruction replacement = unseen instanceof RegisterOnly flags ? flags.withoutFlags() : null;
                if (unseen != null && replacement != null) {
                    replacement.place(unseen.start(), unseen.end());
                    replacement.next = unseen.next;
                    replace(beforeUnseen, replacement);
                    if (unseen.equals(before)) before = replacement;
                }
                beforeUnseen = before;
                unseen = each;
            } else if (use == FlagUse.NEEDS) {
                unseen = null;
            }
            if (!each.isFollowed()) return;
            before = each;
        }
    }

    /** Puts an instruction, with all that follows it, behind another one, or first. */
    private void replace(@Nullable Instruction before, Instruction by) {
        if (before == null) first = by;
        else before.next = by;
    }
}
