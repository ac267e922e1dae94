package dev.microvm.engine.cpu;

/** Makes instructions of code; what a {@link Cpu} is given. */
public interface Translator {
    /**
     * Translates from an offset in a page to the end of the block.
     *
     * @param cpu for what reaches into the next page, which may fault
     * @param limit the most instructions
     */
    Translation translate(Cpu cpu, CodePage page, int offset, int limit);

    /**
     * Returns whether an instruction in {@code page} accesses the stack's segment: its operand is
     * there, or it pushes or pops.
     *
     * @param distance from RSP to the address that is asked about
     */
    boolean addressesStack(Cpu cpu, CodePage page, Instruction at, long distance);
}
