package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Code;

/** An instruction on XMM or YMM registers that writes itself as bytecode. */
public abstract class EmittedSimd extends CheckedSimd {
    /** Makes an instruction that needs the registers of SSE or of AVX. */
    protected EmittedSimd(SimdAvailability needs) {
        super(needs);
    }

    /** Writes {@link #work} as bytecode. */
    protected abstract void emitWork(Code code);

    @Override
    public final void emit(Code code) {
        if (needs() == SimdAvailability.AVX) code.requireAvx();
        else code.requireSse();
        emitWork(code);
    }
}
