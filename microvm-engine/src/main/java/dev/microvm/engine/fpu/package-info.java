/**
 * The x87 floating-point unit: {@link dev.microvm.engine.fpu.X87} is its registers and stack;
 * instructions are static methods on it, by group: {@link dev.microvm.engine.fpu.X87Transfers},
 * {@link dev.microvm.engine.fpu.X87Arithmetic}, {@link dev.microvm.engine.fpu.X87Comparisons},
 * {@link dev.microvm.engine.fpu.X87Transcendentals}; images of its state in {@link
 * dev.microvm.engine.fpu.X87Images}. Nothing here decodes, reads memory or delivers exceptions.
 *
 * <p>An 80-bit number is two values: sign and exponent, 16 bits in an {@code int}, and the
 * significand, with its integer bit.
 *
 * <p>Source: Intel SDM vol. 1, chapter 8, and vol. 2, the page of each instruction.
 */
@NullMarked
package dev.microvm.engine.fpu;

import org.jspecify.annotations.NullMarked;
