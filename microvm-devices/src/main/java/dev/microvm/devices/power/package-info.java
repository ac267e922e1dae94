/**
 * The registers by which a guest ends or restarts itself, and the power button:
 * {@link dev.microvm.devices.power.GenericEventDevice} for ACPI,
 * {@link dev.microvm.devices.power.ResetPort} and {@link dev.microvm.devices.power.SystemControlPortA}
 * for a reset, {@link dev.microvm.devices.power.ExitPort} for an exit code.
 *
 * <p>Each calls back on the vCPU's thread that wrote the register; the callback must return at once.
 */
@NullMarked
package dev.microvm.devices.power;

import org.jspecify.annotations.NullMarked;
