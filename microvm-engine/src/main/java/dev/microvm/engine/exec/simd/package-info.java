/**
 * MMX and SSE instructions: what they check, load and store, and which operation of
 * {@code dev.microvm.engine.simd} they run; and the areas of FXSAVE and XSAVE.
 */
@NullMarked
package dev.microvm.engine.exec.simd;

import org.jspecify.annotations.NullMarked;
