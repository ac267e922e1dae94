/**
 * What the CPUID instruction answers in a guest: {@link dev.microvm.cpuid.CpuidEntry} is one leaf,
 * {@link dev.microvm.cpuid.GuestCpuid} fits a hypervisor's table to a vCPU of a machine, and
 * {@link dev.microvm.cpuid.CpuidPolicy} is what a user changes of it.
 *
 * <p>Leaves and bits have the names of the Intel SDM, volume 2A, CPUID; features have the names of Linux's
 * {@code /proc/cpuinfo}: {@link dev.microvm.cpuid.CpuFeature}.
 */
@NullMarked
package dev.microvm.cpuid;

import org.jspecify.annotations.NullMarked;
