package dev.microvm.engine.softfloat;

/**
 * Floating-point exceptions as bits, where both MXCSR and the x87 status word have their flags:
 * Intel SDM vol. 1, 8.1.3.3 and 10.2.3. Masks are the same bits elsewhere.
 */
public final class FloatExceptions {
    /** IE: an operation without a meaningful result, or a signaling NaN. */
    public static final int INVALID = 1 << 0;

    /** DE: a denormal operand. */
    public static final int DENORMAL = 1 << 1;

    /** ZE: an infinite result of finite operands. */
    public static final int DIVIDE_BY_ZERO = 1 << 2;

    /** OE: a result too large. */
    public static final int OVERFLOW = 1 << 3;

    /** UE: a result too small. */
    public static final int UNDERFLOW = 1 << 4;

    /** PE: a result that was rounded. */
    public static final int PRECISION = 1 << 5;

    /** All six. */
    public static final int ALL = 0x3f;

    /** Those found in the operands, before anything is computed: SDM vol. 1, 4.9.1 and 4.9.2. */
    public static final int BEFORE = INVALID | DENORMAL | DIVIDE_BY_ZERO;

    private FloatExceptions() {}
}
