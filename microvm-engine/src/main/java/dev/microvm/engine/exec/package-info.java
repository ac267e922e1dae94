/**
 * What instructions do: small objects, chained. {@link dev.microvm.engine.exec.BlockTranslator} makes them of decoded
 * code; each family is a file. The general form of a family takes any {@link dev.microvm.engine.exec.Operand} of any
 * size; forms that run often (registers and memory, 32 and 64 bits) have classes of their own beside it.
 */
@NullMarked
package dev.microvm.engine.exec;

import org.jspecify.annotations.NullMarked;
