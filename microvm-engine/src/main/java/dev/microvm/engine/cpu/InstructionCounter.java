package dev.microvm.engine.cpu;

/**
 * Counts what a CPU executes, for a machine whose time that is, and says when a number is reached.
 *
 * <p>A block counts as a whole when it is entered. So a number is seen as reached at the end of a
 * block, and what a fault leaves undone is counted too. A repeated string instruction is one, and
 * one more each time it is interrupted. An exception is one.
 */
public final class InstructionCounter {
    private final Runnable reached;
    private long executed; // other threads may see it late
    private volatile long limit = Long.MAX_VALUE;

    /**
     * Makes a counter that stands at 0.
     *
     * @param reached called on the CPU's thread, between two instructions, while the limit is
     *     reached
     */
    public InstructionCounter(Runnable reached) {
        this.reached = reached;
    }

    /** How many were executed. */
    public long executed() {
        return executed;
    }

    /** Sets at which number to call; any thread may. */
    public void limit(long newLimit) {
        limit = newLimit;
    }

    void add(int instructions) {
        executed += instructions;
    }

    /**
     * Counts a block that compiled code continues with, as {@link CpuLoop} would; returns false, and
     * counts nothing, if the loop must have its turn before.
     */
    public boolean passes(int instructions) {
        if (isReached()) return false;
        add(instructions);
        return true;
    }

    boolean isReached() {
        return executed >= limit;
    }

    void tell() {
        reached.run();
    }
}
