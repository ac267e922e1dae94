/**
 * A CPU's state and what holds at every instruction: registers and {@link dev.microvm.engine.cpu.Flags}, the
 * {@link dev.microvm.engine.cpu.Mmu}, interrupts, and the loop in {@link dev.microvm.engine.cpu.Cpu} that runs
 * {@link dev.microvm.engine.cpu.Block blocks} of {@link dev.microvm.engine.cpu.Instruction instructions}.
 *
 * <p>Read Instruction, Block, Cpu, Mmu, in this order. One thread owns a CPU; what other threads may call says so.
 */
@NullMarked
package dev.microvm.engine.cpu;

import org.jspecify.annotations.NullMarked;
