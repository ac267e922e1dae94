/**
 * A CPU's state and what holds at every instruction. {@link dev.microvm.engine.cpu.Cpu} has
 * registers and modes, {@link dev.microvm.engine.cpu.CpuLoop} runs {@link
 * dev.microvm.engine.cpu.Block blocks} of {@link dev.microvm.engine.cpu.Instruction instructions},
 * the {@link dev.microvm.engine.cpu.Mmu} is memory as they see it. Which instructions there are is
 * not known here: a {@link dev.microvm.engine.cpu.Translator} makes them.
 *
 * <p>Read Instruction, Block, CpuLoop, Cpu, Mmu, in this order. One thread owns a CPU; what other
 * threads may call says so.
 */
@NullMarked
package dev.microvm.engine.cpu;

import org.jspecify.annotations.NullMarked;
