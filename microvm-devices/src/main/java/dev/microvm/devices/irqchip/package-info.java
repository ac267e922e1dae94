/**
 * The interrupt controllers of a PC as devices: {@link dev.microvm.devices.irqchip.I8259Pic} is a
 * pair of 8259 PICs, and {@link dev.microvm.devices.irqchip.IoApic} sends messages to a
 * {@link dev.microvm.devices.irqchip.MsiSink}. The hypervisor has the local APICs.
 *
 * <p>Devices drive the controllers' inputs by {@link dev.microvm.irq.IrqLine}. Any thread may call
 * any method. Like the chips, the devices ignore guest errors; they never throw for them.
 */
@NullMarked
package dev.microvm.devices.irqchip;

import org.jspecify.annotations.NullMarked;
