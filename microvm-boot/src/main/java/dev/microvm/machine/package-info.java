/**
 * The machine behind the facade: {@link dev.microvm.machine.PcMachine} puts it together,
 * {@link dev.microvm.machine.PcLayout} says where everything is,
 * {@link dev.microvm.machine.MachineLifecycle} takes it through its runs.
 */
@NullMarked
package dev.microvm.machine;

import org.jspecify.annotations.NullMarked;
