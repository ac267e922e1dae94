/**
 * The facade: {@link dev.microvm.MicroVm} starts a virtual machine, {@link dev.microvm.Console}
 * talks to it, {@link dev.microvm.model.ExitReport} says how it ended. {@code PcMachine} assembles
 * it.
 *
 * <p>What is thrown, here and in the packages that describe a machine:
 *
 * <ul>
 *   <li>{@link java.lang.NullPointerException} with the name of the parameter, at the call, if an
 *       argument is null and the parameter is not {@code Nullable}.
 *   <li>{@link dev.microvm.MicroVmConfigException} from {@link dev.microvm.MicroVmBuilder#build},
 *       with all problems, if options are missing, out of range, or contradict each other or the
 *       host. Each problem names the option, its value and the remedy.
 *   <li>{@link java.lang.IllegalArgumentException} at the call, with the name of the parameter, its
 *       range and its value, if an argument that is not an option of a machine is out of range, such
 *       as a negative time-out.
 *   <li>{@link java.lang.IllegalStateException}, if the call comes at the wrong time, such as before
 *       {@link dev.microvm.MicroVm#start}.
 *   <li>{@link dev.microvm.error.MicroVmException}, or a subtype, for everything else that goes
 *       wrong: a file, the host, a peer, the user's code that makes a device.
 * </ul>
 */
@NullMarked
package dev.microvm;

import org.jspecify.annotations.NullMarked;
