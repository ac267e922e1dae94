/**
 * The engine behind the hypervisor SPI: {@link dev.microvm.engine.EngineHypervisor}, its machines
 * and their vCPUs. The CPU itself is in {@code dev.microvm.engine.cpu}; docs/engine.md explains it.
 */
@NullMarked
package dev.microvm.engine;

import org.jspecify.annotations.NullMarked;
