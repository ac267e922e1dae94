/**
 * Interrupt wires as a device sees them: {@link dev.microvm.irq.IrqLine}. The machine decides what
 * is at the other end.
 */
@NullMarked
package dev.microvm.irq;

import org.jspecify.annotations.NullMarked;
