/**
 * Saved state of devices and vCPUs. {@link dev.microvm.state.Stateful} parts save to and restore
 * from a {@link dev.microvm.state.DeviceState}, which names its type, its version and each of its
 * fields.
 */
@NullMarked
package dev.microvm.state;

import org.jspecify.annotations.NullMarked;
