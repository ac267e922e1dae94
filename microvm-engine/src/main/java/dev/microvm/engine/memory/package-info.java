/**
 * The host memory behind a guest: {@link dev.microvm.engine.memory.PhysicalMemory} says where a
 * guest-physical page is, {@link dev.microvm.engine.memory.HostMemory} reads and writes there.
 */
@NullMarked
package dev.microvm.engine.memory;

import org.jspecify.annotations.NullMarked;
