package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Vectors;

/** #UD and #GP. */
public final class Faulting extends Instruction {
    private final int vector;
    private final boolean hasCode;

    private Faulting(int vector, boolean hasCode) {
        this.vector = vector;
        this.hasCode = hasCode;
    }

    public static Instruction undefined() {
        return new Faulting(Vectors.UD, false);
    }

    public static Instruction protection() {
        return new Faulting(Vectors.GP, true);
    }

    @Override
    public Block execute(Cpu cpu) {
        throw hasCode ? cpu.fault(vector, 0, this) : cpu.fault(vector, this);
    }
}
