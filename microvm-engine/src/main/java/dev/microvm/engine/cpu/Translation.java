package dev.microvm.engine.cpu;

/**
 * A block's instructions, as a {@link Translator} makes them.
 *
 * @param first the first of the chain; the last one ends the block
 * @param instructions how many of the guest's instructions they are
 * @param end offset of the first byte after them, from the start of their page; above 4096 if the
 *     last crosses into the next page
 */
public record Translation(Instruction first, int instructions, int end) {}
