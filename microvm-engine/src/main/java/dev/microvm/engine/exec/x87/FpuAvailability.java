package dev.microvm.engine.exec.x87;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.hypervisor.SpecialRegisters;

/**
 * The faults of x87 instructions that come before their work: Intel SDM vol. 3A, 2.5, and vol. 1,
 * 8.6.
 */
public final class FpuAvailability {
    private static final long NOT_THERE = SpecialRegisters.CR0_EM | SpecialRegisters.CR0_TS;
    private static final long WAIT_IS_NOT_THERE = SpecialRegisters.CR0_MP | SpecialRegisters.CR0_TS;

    private FpuAvailability() {}

    /**
     * #NM if the unit is not there for the task.
     *
     * @param waits whether an exception that waits is #MF
     */
    public static void require(Cpu cpu, boolean waits, Instruction at) {
        if ((cpu.cr0 & NOT_THERE) != 0) throw cpu.fault(Vectors.NM, at);
        if (waits) requireNoError(cpu, at);
    }

    /** WAIT. */
    public static void await(Cpu cpu, Instruction at) {
        if ((cpu.cr0 & WAIT_IS_NOT_THERE) == WAIT_IS_NOT_THERE) throw cpu.fault(Vectors.NM, at);
        requireNoError(cpu, at);
    }

    private static void requireNoError(Cpu cpu, Instruction at) {
        if (cpu.fpu.errorPending() && (cpu.cr0 & SpecialRegisters.CR0_NE) != 0) throw cpu.fault(Vectors.MF, at);
    }
}
