/** Interrupt wires as a device sees them: {@link dev.microvm.irq.IrqLine}. What is at the other end is the machine's business. */
@NullMarked
package dev.microvm.irq;

import org.jspecify.annotations.NullMarked;
