/**
 * The registers by which a guest ends or restarts itself, and the power button:
 * {@link dev.microvm.devices.power.GenericEventDevice} for ACPI,
 * {@link dev.microvm.devices.power.ResetPort} and
 * {@link dev.microvm.devices.power.SystemControlPortA} for a reset,
 * {@link dev.microvm.devices.power.ExitPort} for an exit code.
 *
 * <p>Each calls back on the thread of the vCPU that wrote the register. The callback must not
 * block.
 */
@NullMarked
package dev.microvm.devices.power;

import org.jspecify.annotations.NullMarked;
