/**
 * The chips of a PC that a microVM still has: serial port, clock, timers, interrupt controllers, and the few ports that
 * reset or end a machine; and what QEMU's machine adds for firmware and ACPI: {@link dev.microvm.devices.firmware.FwCfg} and
 * {@link dev.microvm.devices.power.GenericEventDevice}.
 *
 * <p>Each is one class named after the part; what its registers are called is in the {@code ...Registers} class beside
 * it, after the data sheet. A device knows offsets, not addresses, and gets everything outside itself from its
 * constructor: interrupt lines, clock, back end. Every method may be called by any thread. A guest's mistake is ignored,
 * as the chip ignores it, and never throws. Most have an 8-bit data bus; {@link dev.microvm.devices.legacy.ByteDevice}
 * says what that means for wider accesses. Start reading at {@link dev.microvm.devices.legacy.Uart16550}.
 */
@NullMarked
package dev.microvm.devices.legacy;

import org.jspecify.annotations.NullMarked;
