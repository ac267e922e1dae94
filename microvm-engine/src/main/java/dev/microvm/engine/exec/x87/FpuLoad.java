package dev.microvm.engine.exec.x87;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.fpu.X87;

/** An instruction of the x87 that works with an operand of up to 8 bytes in memory. */
public final class FpuLoad extends CheckedFpu {
    /** What it does with the operand's bits. */
    @FunctionalInterface
    public interface Work {
        void run(X87 f, long value);
    }

    private final Operand source;
    private final Work work;

    public FpuLoad(int opcode, Operand source, Work work) {
        super(opcode, true);
        this.source = source;
        this.work = work;
    }

    @Override
    protected void work(Cpu cpu, X87 f) {
        work.run(f, source.read(cpu, this));
    }
}
