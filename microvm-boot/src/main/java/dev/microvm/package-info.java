/**
 * The facade: {@link dev.microvm.MicroVm} starts a virtual machine, {@link dev.microvm.Console}
 * talks to it, {@link dev.microvm.model.ExitReport} says how it ended. {@code PcMachine} assembles
 * it.
 */
@NullMarked
package dev.microvm;

import org.jspecify.annotations.NullMarked;
