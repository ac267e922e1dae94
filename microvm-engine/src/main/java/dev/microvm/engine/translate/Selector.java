package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.Decoded;
import org.jspecify.annotations.Nullable;

/** Turns decoded instructions of one family into objects. */
interface Selector {
    /**
     * Returns the object, or null if the instruction is of another family or does not exist. Tells
     * {@code block} what must be done before it, and whether it ends the block.
     */
    @Nullable
    Instruction select(Decoded d, BlockBuilder block);
}
