package dev.microvm.testing;

import dev.microvm.irq.IrqLine;

/** An interrupt line that remembers its level and counts its edges. Any thread may call. */
public final class FakeIrqLine implements IrqLine {
    private boolean level;
    private int risingEdges;
    private int fallingEdges;
    private int taken;

    /** Makes a line that is low. */
    public FakeIrqLine() {}

    @Override
    public synchronized void set(boolean newLevel) {
        if (newLevel && !level) risingEdges++;
        if (!newLevel && level) fallingEdges++;
        level = newLevel;
    }

    /** Whether the line is high. */
    public synchronized boolean isHigh() {
        return level;
    }

    /** Returns how often the line went from low to high. */
    public synchronized int risingEdges() {
        return risingEdges;
    }

    /** Returns how often the line went from high to low. */
    public synchronized int fallingEdges() {
        return fallingEdges;
    }

    /** Returns how often the line went from low to high since the last call. */
    public synchronized int takeRisingEdges() {
        int fresh = risingEdges - taken;
        taken = risingEdges;
        return fresh;
    }
}
