/**
 * What firmware uses: {@link dev.microvm.devices.firmware.FwCfg}, by which QEMU's firmware asks the host
 * for configuration, kernel and tables, and {@link dev.microvm.devices.firmware.DebugConsole}, on which
 * it prints.
 *
 * <p>Any thread may call any method. A guest's mistake is ignored and never throws.
 */
@NullMarked
package dev.microvm.devices.firmware;

import org.jspecify.annotations.NullMarked;
