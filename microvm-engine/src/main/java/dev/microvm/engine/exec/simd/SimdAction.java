package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Cpu;

/** An instruction on MMX or XMM registers that is rare, as an action. */
public final class SimdAction extends CheckedSimd {
    /** What one does, once its registers are known to be there. */
    @FunctionalInterface
    public interface Work {
        void run(Cpu cpu, long[] xmm, SimdAction at);
    }

    private final Work work;

    private SimdAction(SimdAvailability needs, Work work) {
        super(needs);
        this.work = work;
    }

    /** One on XMM registers. */
    public static SimdAction sse(Work work) {
        return new SimdAction(SimdAvailability.SSE, work);
    }

    /** One on MMX registers. */
    public static SimdAction mmx(Work work) {
        return new SimdAction(SimdAvailability.MMX, work);
    }

    /** One on YMM registers, or that sets the upper halves of them. */
    public static SimdAction avx(Work work) {
        return new SimdAction(SimdAvailability.AVX, work);
    }

    /** One on both. */
    public static SimdAction sseAndMmx(Work work) {
        return new SimdAction(SimdAvailability.SSE_AND_MMX, work);
    }

    @Override
    protected void work(Cpu cpu, long[] xmm) {
        work.run(cpu, xmm, this);
    }

    /**
     * #XM or #UD unless all exceptions of the operation are masked; takes them over in any case.
     */
    public void commit(Cpu cpu) {
        if (!cpu.mxcsr.commit()) throw unmasked(cpu);
    }
}
