/**
 * Binary floating-point arithmetic in software, of up to 64 significant bits, as the x87 and SSE
 * define it: what the two share. Numbers are {@link dev.microvm.engine.softfloat.Unpacked}; {@link
 * dev.microvm.engine.softfloat.SoftFloat} computes.
 *
 * <p>Not here: NaN operands, whose rules differ between the two, and what becomes of exceptions.
 *
 * <p>Source: IEEE 754-2008; Intel SDM vol. 1, chapter 4.8 and 4.9.
 */
@NullMarked
package dev.microvm.engine.softfloat;

import org.jspecify.annotations.NullMarked;
