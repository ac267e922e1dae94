package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.simd.LaneOperation;

/** A general register from a vector register: masks of signs, and elements. */
public final class ToGeneral extends EmittedSimd {
    private final LaneOperation operation;
    private final int highShift;
    private final int from;
    private final Operand target;

    private ToGeneral(SimdAvailability needs, LaneOperation operation, int highShift, int from, Operand target) {
        super(needs);
        this.operation = operation;
        this.highShift = highShift;
        this.from = from;
        this.target = target;
    }

    /**
     * Makes one of an XMM register.
     *
     * @param operation what makes the result of both its halves
     * @param from index of the low half
     */
    public static ToGeneral of(LaneOperation operation, int from, Operand target) {
        return new ToGeneral(SimdAvailability.SSE, operation, 0, from, target);
    }

    /**
     * Makes one of a YMM register.
     *
     * @param highShift where the result of the upper lane is put, beside that of the lower one
     */
    public static ToGeneral ofBoth(LaneOperation operation, int highShift, int from, Operand target) {
        return new ToGeneral(SimdAvailability.AVX, operation, highShift, from, target);
    }

    @Override
    protected void work(Cpu cpu, long[] xmm) {
        long result = operation.apply(xmm[from], xmm[from + 1]);
        if (highShift != 0) {
            result |= operation.apply(xmm[from + Cpu.YMM_HIGH], xmm[from + Cpu.YMM_HIGH + 1]) << highShift;
        }
        target.write(cpu, result, this);
    }

    @Override
    protected void emitWork(Code code) {
        emitLane(code, from);
        if (highShift != 0)
            emitLane(code, from + Cpu.YMM_HIGH).shiftLeft(highShift).or();
        target.emitWrite(code);
    }

    private Code emitLane(Code code, int low) {
        return code.compute(operation, code.xmm(low).keep(), code.xmm(low + 1).keep());
    }
}
