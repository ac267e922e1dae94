/**
 * What instructions are made of: operands and addresses, the stack, and the shapes that
 * instructions have. The instructions are in {@code exec.integer}, {@code exec.system}, {@code
 * exec.x87} and {@code exec.simd}; {@code translate} makes them of decoded code.
 */
@NullMarked
package dev.microvm.engine.exec;

import org.jspecify.annotations.NullMarked;
