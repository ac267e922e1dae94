/**
 * The PC chips of a microVM: serial port, real-time clock, interval timer, keyboard controller.
 * Other devices of a PC are in {@code irqchip}, {@code firmware} and {@code power}.
 *
 * <p>Each chip is one class named after the part. The {@code ...Registers} class beside it names
 * its registers as the data sheet does. A device knows offsets, not addresses, and gets interrupt
 * lines, clock and back end from its constructor. Any thread may call any method. Like the chips,
 * devices ignore guest errors; they never throw for them. Most have an 8-bit data bus;
 * {@link dev.microvm.devices.legacy.ByteDevice} defines the effect of wider accesses. Start reading
 * at {@link dev.microvm.devices.legacy.Uart16550}.
 */
@NullMarked
package dev.microvm.devices.legacy;

import org.jspecify.annotations.NullMarked;
