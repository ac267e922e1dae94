/**
 * What MMX and SSE instructions, up to SSE4.2, compute; without registers, memory, decoding or
 * exceptions' delivery.
 *
 * <p>An MMX operand is a {@code long}. An XMM operand is two, the low half first; a register file
 * is a {@code long[]} in which register {@code n} is at {@code 2 * n}. Nothing here allocates.
 * Start at {@link dev.microvm.engine.simd.PackedOperation} for integers and {@link
 * dev.microvm.engine.simd.FloatOperation} for floating point: both name instructions by their
 * opcodes.
 *
 * <p>Source: Intel SDM vol. 2, the page of each instruction; floating point: vol. 1, chapters 4.8,
 * 4.9 and 11.5.
 */
@NullMarked
package dev.microvm.engine.simd;

import org.jspecify.annotations.NullMarked;
