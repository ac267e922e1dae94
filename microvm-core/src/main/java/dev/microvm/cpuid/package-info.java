/**
 * The results of the CPUID instruction in a guest. {@link dev.microvm.cpuid.CpuidEntry} is one
 * leaf, {@link dev.microvm.cpuid.GuestCpuid} fits a hypervisor's table to a vCPU, and
 * {@link dev.microvm.cpuid.CpuidPolicy} holds a user's changes to it.
 *
 * <p>Leaves and bits have the names of the Intel SDM, volume 2A, CPUID; features have the names of
 * Linux's {@code /proc/cpuinfo}: {@link dev.microvm.cpuid.CpuFeature}.
 */
@NullMarked
package dev.microvm.cpuid;

import org.jspecify.annotations.NullMarked;
