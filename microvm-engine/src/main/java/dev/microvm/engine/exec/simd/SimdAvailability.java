package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.hypervisor.SpecialRegisters;

/**
 * Which registers an instruction needs, and the faults where it may not use them: Intel SDM vol.
 * 3A, 14.1.
 */
public enum SimdAvailability {
    SSE,
    MMX,
    SSE_AND_MMX,
    AVX;

    /** #UD, #NM or #MF unless the registers are there. */
    public void require(Cpu cpu, Instruction at) {
        switch (this) {
            case SSE -> requireSse(cpu, at);
            case MMX -> requireMmx(cpu, at);
            case SSE_AND_MMX -> {
                requireSse(cpu, at);
                requireMmx(cpu, at);
            }
            case AVX -> requireAvx(cpu, at);
        }
    }

    /** Intel SDM vol. 1, 14.3: the system must have enabled the state; real mode has no VEX. */
    private static void requireAvx(Cpu cpu, Instruction at) {
        if (!cpu.avxEnabled()) throw cpu.fault(Vectors.UD, at);
        if ((cpu.cr0 & SpecialRegisters.CR0_TS) != 0) throw cpu.fault(Vectors.NM, at);
    }

    private static void requireSse(Cpu cpu, Instruction at) {
        boolean off = (cpu.cr0 & SpecialRegisters.CR0_EM) != 0 || (cpu.cr4 & SpecialRegisters.CR4_OSFXSR) == 0;
        if (off) throw cpu.fault(Vectors.UD, at);
        if ((cpu.cr0 & SpecialRegisters.CR0_TS) != 0) throw cpu.fault(Vectors.NM, at);
    }

    private static void requireMmx(Cpu cpu, Instruction at) {
        if ((cpu.cr0 & SpecialRegisters.CR0_EM) != 0) throw cpu.fault(Vectors.UD, at);
        if ((cpu.cr0 & SpecialRegisters.CR0_TS) != 0) throw cpu.fault(Vectors.NM, at);
        if (cpu.fpu.errorPending()) throw cpu.fault(Vectors.MF, at);
    }
}
