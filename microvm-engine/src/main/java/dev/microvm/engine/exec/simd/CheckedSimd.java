package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.GuestFault;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.hypervisor.SpecialRegisters;

/** An instruction on MMX or XMM registers: it checks first whether they are there. */
public abstract class CheckedSimd extends Sequential {
    private final SimdAvailability needs;

    /** Makes an instruction that needs these registers. */
    protected CheckedSimd(SimdAvailability needs) {
        this.needs = needs;
    }

    /** What it checks. */
    public final SimdAvailability needs() {
        return needs;
    }

    /** Does the work, on registers that are there. */
    protected abstract void work(Cpu cpu, long[] xmm);

    @Override
    public final void perform(Cpu cpu) {
        needs.require(cpu, this);
        work(cpu, cpu.xmm);
    }

    @Override
    public final Block execute(Cpu cpu) {
        perform(cpu);
        return next.execute(cpu);
    }

    /** #XM, or #UD where the system does not know of it, for an exception that is not masked. */
    protected final GuestFault unmasked(Cpu cpu) {
        boolean known = (cpu.cr4 & SpecialRegisters.CR4_OSXMMEXCPT) != 0;
        return cpu.fault(known ? Vectors.XM : Vectors.UD, this);
    }
}
