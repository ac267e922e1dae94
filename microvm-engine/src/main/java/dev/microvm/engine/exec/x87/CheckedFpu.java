package dev.microvm.engine.exec.x87;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.fpu.X87;

/**
 * An instruction of the x87: it checks first whether the unit is there, and the unit remembers most
 * of them.
 */
public abstract class CheckedFpu extends Sequential {
    /** The opcode of one that controls the unit, which is not remembered. */
    protected static final int CONTROLS = -1;

    private final int opcode;
    private final boolean waits;

    /**
     * Makes an instruction.
     *
     * @param opcode as the unit remembers it, Intel SDM vol. 1, 8.1.9, or {@link #CONTROLS}
     * @param waits whether an exception that waits comes first
     */
    protected CheckedFpu(int opcode, boolean waits) {
        this.opcode = opcode;
        this.waits = waits;
    }

    /** Does the work, on a unit that is there. */
    protected abstract void work(Cpu cpu, X87 f);

    @Override
    public final void perform(Cpu cpu) {
        FpuAvailability.require(cpu, waits, this);
        if (opcode != CONTROLS) {
            int cs = cpu.segments[Decoded.CS].selector;
            cpu.fpu.note(opcode, cs, rip(cpu), cpu.segments[Decoded.DS].selector, 0);
        }
        work(cpu, cpu.fpu);
    }

    @Override
    public final Block execute(Cpu cpu) {
        perform(cpu);
        return next.execute(cpu);
    }
}
