/**
 * The hypervisor SPI: what a machine needs of whatever runs its CPUs. Start at {@link dev.microvm.hypervisor.Hypervisor},
 * then {@link dev.microvm.hypervisor.VirtualMachine} and {@link dev.microvm.hypervisor.Vcpu}.
 *
 * <p>Nothing here names a file descriptor, an ioctl or an errno: KVM is one implementation, a CPU written in Java
 * another. Implementations are found as {@link java.util.ServiceLoader} services.
 */
@NullMarked
package dev.microvm.hypervisor;

import org.jspecify.annotations.NullMarked;
