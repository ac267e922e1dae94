package dev.microvm.engine.cpu;

import dev.microvm.limits.Budget;

/**
 * The heap that one CPU's translations take, charged to the budget of all machines.
 *
 * <p>What the guest runs is translated in any case; what the budget refuses is only noted. The CPU
 * then drops all its translations when it comes to the boundary between two blocks, where no code
 * of them runs ({@link #mustDrop}). So does a CPU that holds more than its slice of the machine's
 * fair part when others need it. The excess is what can be translated between two boundaries: one block and the pages
 * that it touches.
 *
 * <p>The CPU's thread calls; the budget presses it on any.
 */
public final class CodeHeap implements AutoCloseable {
    /**
     * Bytes that are neither charged nor dropped: a CPU cannot run with less than two pages and a
     * block.
     */
    static final long ALLOWANCE = 128 << 10;

    private final Budget.Share share;
    private final Runnable attention;
    private long held;
    private long charged; // of it, to the share
    private boolean refused;
    private volatile boolean pressed;

    /**
     * Opens a share of a budget.
     *
     * @param machine the owner of the shares of all its CPUs
     * @param attention called, on any thread, when the CPU should come to a boundary soon
     */
    public CodeHeap(Budget.Owner machine, Runnable attention) {
        this.attention = attention;
        this.share = machine.open(this::press);
    }

    private void press() {
        pressed = true;
        attention.run();
    }

    /** Takes note of new objects. */
    void add(long bytes) {
        held += bytes;
        long due = held - ALLOWANCE - charged;
        if (due <= 0) return;
        if (share.tryTake(due)) {
            charged += due;
        } else {
            refused = true;
            attention.run();
        }
    }

    /** Takes note that objects are not needed any more. */
    void remove(long bytes) {
        held -= bytes;
        long excess = charged - Math.max(0, held - ALLOWANCE);
        if (excess <= 0) return;
        charged -= excess;
        share.give(excess);
    }

    /** Takes note that nothing is held any more. */
    void removeAll() {
        remove(held);
        refused = false;
        pressed = false;
    }

    /** Whether the CPU must drop its translations, at the next boundary between blocks. */
    boolean mustDrop() {
        if (!refused && !pressed) return false;
        boolean must = held > ALLOWANCE && (refused || share.excess() > 0);
        refused = false;
        pressed = false;
        return must;
    }

    /** Returns an estimate of what is held, in bytes. */
    public long held() {
        return held;
    }

    /** Gives everything back. */
    @Override
    public void close() {
        removeAll();
        share.close();
    }
}
