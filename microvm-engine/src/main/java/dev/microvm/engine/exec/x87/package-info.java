/**
 * x87 instructions: what they check, load and store, and which operation of
 * {@code dev.microvm.engine.fpu} they run.
 */
@NullMarked
package dev.microvm.engine.exec.x87;

import org.jspecify.annotations.NullMarked;
