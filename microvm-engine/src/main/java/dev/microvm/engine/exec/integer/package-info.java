/**
 * General-purpose instructions, a file for each family. The general form of a family takes any
 * {@link dev.microvm.engine.exec.Operand} of any size. Forms that run often (registers and memory,
 * 32 and 64 bits) have classes of their own beside it.
 */
@NullMarked
package dev.microvm.engine.exec.integer;

import org.jspecify.annotations.NullMarked;
