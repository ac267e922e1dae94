package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.Decoded;
import org.jspecify.annotations.Nullable;

/** Turns decoded instructions of some families into objects. */
interface Selector {
    /**
     * The object, or null if it is none of its family's. What ends a block is told to {@code block}.
     */
    @Nullable
    Instruction select(Decoded d, BlockBuilder block);
}
