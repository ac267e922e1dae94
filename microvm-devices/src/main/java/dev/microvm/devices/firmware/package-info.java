/**
 * Devices for firmware. QEMU's firmware reads its configuration, kernel and tables from
 * {@link dev.microvm.devices.firmware.FwCfg}, and prints to
 * {@link dev.microvm.devices.firmware.DebugConsole}.
 *
 * <p>Any thread may call any method. Devices ignore guest errors; they never throw for them.
 */
@NullMarked
package dev.microvm.devices.firmware;

import org.jspecify.annotations.NullMarked;
