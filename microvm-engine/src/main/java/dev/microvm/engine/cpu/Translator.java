package dev.microvm.engine.cpu;

/** Makes instructions of code; what a {@link Cpu} is given. */
public interface Translator {
    /**
     * Translates from an offset in a page to the end of the block.
     *
     * @param cpu for what reaches into the next page, which may fault
     * @param limit the most instructions
     * @return the first instruction; the last one ends the block
     */
    Instruction translate(Cpu cpu, CodePage page, int offset, int limit);

    /** Whether an instruction in {@code page} addresses memory by way of SS, or the stack at {@code distance} from RSP. */
    boolean addressesStack(Cpu cpu, CodePage page, Instruction at, long distance);

    /** How many of the guest's instructions the last translation has. */
    int instructions();
}
