package dev.microvm.engine.cpu;

/**
 * An instruction that the next one of its block always follows, unless it faults.
 *
 * <p>Its work is apart from the step to the next, so that something else than the chain can drive
 * it: a compiled region calls {@link #perform}, and several of these can become one instruction
 * that performs each.
 */
public abstract class Sequential extends Instruction {
    /** Makes an instruction that is nowhere yet. */
    protected Sequential() {}

    /**
     * Does the work of this instruction alone. {@link #execute} is this, and the step to the next.
     */
    public abstract void perform(Cpu cpu);

    /** Calls {@link #perform}, if nothing better is known. */
    @Override
    public void emit(Code code) {
        code.perform(this);
    }
}
