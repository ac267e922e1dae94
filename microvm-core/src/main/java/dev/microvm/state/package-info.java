/**
 * The state of devices outside the devices: {@link dev.microvm.state.Stateful} parts give and take a
 * {@link dev.microvm.state.DeviceState}, which says what it is, in which version, field by field.
 */
@NullMarked
package dev.microvm.state;

import org.jspecify.annotations.NullMarked;
