/**
 * The guest's physical memory, as its consumers see it; start at {@link dev.microvm.memory.GuestMemory}.
 *
 * <p>Addresses are guest-physical, in bytes, unsigned 64-bit. Ranges are half-open: {@code [base, base + size)}.
 * Every accessor checks bounds and throws {@link dev.microvm.memory.GuestMemoryException}; nothing here ever faults
 * the JVM. Who maps the memory into a guest is not this package's business.
 */
@NullMarked
package dev.microvm.memory;

import org.jspecify.annotations.NullMarked;
