/**
 * The interrupt controllers of a PC as devices: {@link dev.microvm.devices.irqchip.I8259Pic}, two 8259
 * PICs, and {@link dev.microvm.devices.irqchip.IoApic}, which sends messages to a
 * {@link dev.microvm.devices.irqchip.MsiSink}. Local APICs belong to the hypervisor.
 *
 * <p>Devices drive the controllers' inputs by {@link dev.microvm.irq.IrqLine}. Any thread may call any
 * method. A guest's mistake is ignored, as the chip ignores it, and never throws.
 */
@NullMarked
package dev.microvm.devices.irqchip;

import org.jspecify.annotations.NullMarked;
