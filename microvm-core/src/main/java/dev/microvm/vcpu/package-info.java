/**
 * The threads that run a machine's vCPUs: {@link dev.microvm.vcpu.VcpuLoop} is one vCPU's life,
 * {@link dev.microvm.vcpu.VcpuThreads} starts, pauses and
 * stops them all.
 */
@NullMarked
package dev.microvm.vcpu;

import org.jspecify.annotations.NullMarked;
