/**
 * KVM as a {@link dev.microvm.hypervisor.Hypervisor}, through the ioctls of Linux's
 * Documentation/virt/kvm/api.rst.
 *
 * <p>One class per kind of descriptor: {@link dev.microvm.kvm.KvmHypervisor} for {@code /dev/kvm},
 * {@link dev.microvm.kvm.KvmVirtualMachine} and {@link dev.microvm.kvm.KvmVcpu} for what it makes.
 * Struct layouts and numbers come from {@code dev.microvm.kvm.generated}.
 */
@NullMarked
package dev.microvm.kvm;

import org.jspecify.annotations.NullMarked;
