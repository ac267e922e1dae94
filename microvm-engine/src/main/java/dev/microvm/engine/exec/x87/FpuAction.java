package dev.microvm.engine.exec.x87;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.fpu.X87;

/** An instruction of the x87 as an action. */
public final class FpuAction extends CheckedFpu {
    /** What it does, once the unit is known to be there. */
    @FunctionalInterface
    public interface Work {
        void run(Cpu cpu, X87 f, FpuAction at);
    }

    private final Work work;

    private FpuAction(int opcode, boolean waits, Work work) {
        super(opcode, waits);
        this.work = work;
    }

    /** One that waits for exceptions, and that the unit remembers by its opcode. */
    public static FpuAction operation(int opcode, Work work) {
        return new FpuAction(opcode, true, work);
    }

    /** One that controls the unit. */
    public static FpuAction control(boolean waits, Work work) {
        return new FpuAction(CONTROLS, waits, work);
    }

    @Override
    protected void work(Cpu cpu, X87 f) {
        work.run(cpu, f, this);
    }
}
