/**
 * Access to guest-physical memory; start at {@link dev.microvm.memory.GuestMemory}.
 *
 * <p>Addresses are guest-physical, in bytes, unsigned 64-bit. Ranges are half-open:
 * {@code [base, base + size)}. Every accessor checks bounds and throws
 * {@link dev.microvm.memory.GuestMemoryException}; no access can crash the JVM. Hypervisors map the
 * memory into guests; this package does not.
 */
@NullMarked
package dev.microvm.memory;

import org.jspecify.annotations.NullMarked;
