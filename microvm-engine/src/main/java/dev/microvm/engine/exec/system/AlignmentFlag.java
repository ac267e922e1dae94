package dev.microvm.engine.exec.system;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Vectors;

/**
 * CLAC and STAC, which close and open users' pages to the supervisor: Intel SDM vol. 2. The next
 * instruction follows, but may have another TLB, so a compiled region is left here.
 */
public final class AlignmentFlag extends Instruction {
    private final boolean set;

    /** Makes STAC, or CLAC. */
    public AlignmentFlag(boolean set) {
        this.set = set;
    }

    @Override
    public Block execute(Cpu cpu) {
        if (cpu.protectedMode() && cpu.cpl > 0) throw cpu.fault(Vectors.UD, this);
        cpu.flags = set ? cpu.flags | Flags.AC : cpu.flags & ~Flags.AC;
        cpu.alignmentFlagChanged();
        return next.execute(cpu);
    }
}
