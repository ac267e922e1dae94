package dev.microvm.sandbox.root.source;

import dev.microvm.limits.Budget;
import dev.microvm.limits.JvmBudgets;
import dev.microvm.sandbox.root.tree.RootContentException;

/** Heap for one decompressor, from the JVM's budget for unpacking. */
final class UnpackingHeap implements AutoCloseable {
    private final Budget.Share share = JvmBudgets.unpacking().open("an archive", () -> {});

    /**
     * Takes heap.
     *
     * @throws RootContentException if the budget has no room
     */
    void take(long bytes) {
        if (share.tryTake(bytes)) return;
        throw new RootContentException(
                "its decompressor needs %d bytes of heap, but the budget has no room".formatted(bytes),
                "give the JVM more heap, or set -D%s".formatted(JvmBudgets.UNPACKING_PROPERTY));
    }

    /** Gives back all that was taken. */
    void giveAll() {
        share.give(share.used());
    }

    @Override
    public void close() {
        share.close();
    }
}
