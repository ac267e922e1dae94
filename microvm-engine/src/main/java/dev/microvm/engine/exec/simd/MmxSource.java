package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.exec.Operand;
import org.jspecify.annotations.Nullable;

/**
 * The second operand of an instruction on MMX registers.
 *
 * @param register its number, if there is no memory operand
 * @param memory or null
 */
public record MmxSource(int register, @Nullable Operand memory) {
    /** Whether it is a register. */
    public boolean isRegister() {
        return memory == null;
    }

    /** Its value. */
    public long read(Cpu cpu, Instruction at) {
        return memory == null ? cpu.fpu.mmx(register) : memory.read(cpu, at);
    }
}
