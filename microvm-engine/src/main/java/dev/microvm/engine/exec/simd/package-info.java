/**
 * MMX and SSE instructions, and what saves and restores floating-point state.
 */
@NullMarked
package dev.microvm.engine.exec.simd;

import org.jspecify.annotations.NullMarked;
