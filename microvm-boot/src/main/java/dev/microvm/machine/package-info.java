/**
 * The machine behind the facade: {@link dev.microvm.machine.PcMachine} assembles it, {@link
 * dev.microvm.machine.PcLayout} has the address of every part, {@link
 * dev.microvm.machine.MachineLifecycle} runs it from start to end.
 */
@NullMarked
package dev.microvm.machine;

import org.jspecify.annotations.NullMarked;
