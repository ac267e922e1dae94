/**
 * The hypervisor SPI: the interface between a machine and the implementation that runs its CPUs.
 * Start at {@link dev.microvm.hypervisor.Hypervisor}, then
 * {@link dev.microvm.hypervisor.VirtualMachine} and {@link dev.microvm.hypervisor.Vcpu}.
 *
 * <p>Nothing here depends on file descriptors, ioctls or errno: KVM is one implementation, a CPU
 * written in Java is another. Implementations are registered as {@link java.util.ServiceLoader}
 * services.
 */
@NullMarked
package dev.microvm.hypervisor;

import org.jspecify.annotations.NullMarked;
