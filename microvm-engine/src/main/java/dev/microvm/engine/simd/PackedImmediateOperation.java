package dev.microvm.engine.simd;

/**
 * The integer instructions of SSE on XMM registers that have an immediate byte after two operands:
 * by their opcodes.
 *
 * <p>Source: Intel SDM vol. 2, appendix A. Others with an immediate have forms of their own: shifts
 * and insertion in {@link PackedShift} and {@link PackedShuffle}, string comparison in {@link
 * StringCompare}.
 */
@SuppressWarnings("ImmutableEnumChecker") // functions without state
public enum PackedImmediateOperation {
    PSHUFD(0x660f70, PackedShuffle::pshufd),
    PSHUFHW(0xf30f70, PackedShuffle::pshufhw),
    PSHUFLW(0xf20f70, PackedShuffle::pshuflw),
    SHUFPS(0x0fc6, PackedShuffle::shufps),
    SHUFPD(0x660fc6, PackedShuffle::shufpd),
    BLENDPS(0x660f3a0c, PackedShuffle::blendps),
    BLENDPD(0x660f3a0d, PackedShuffle::blendpd),
    PBLENDW(0x660f3a0e, PackedShuffle::pblendw),
    PALIGNR(0x660f3a0f, PackedShift::palignr),
    INSERTPS(0x660f3a21, PackedShuffle::insertps),
    MPSADBW(0x660f3a42, PackedMultiply::mpsadbw),
    PCLMULQDQ(0x660f3a44, Aes::carrylessMultiply),
    SHA1RNDS4(0x0f3acc, ShaOperation::sha1rnds4),
    AESKEYGENASSIST(0x660f3adf, Aes::keyAssist);

    private final int opcode;
    private final Operation operation;

    PackedImmediateOperation(int opcode, Operation operation) {
        this.opcode = opcode;
        this.operation = operation;
    }

    /** Its bytes as a number, a mandatory prefix first. */
    public int opcode() {
        return opcode;
    }

    /** The immediate for the upper lane of a 256-bit form. */
    public int ofHighLane(int immediate) {
        return switch (this) {
            case SHUFPD, BLENDPD -> immediate >> 2;
            case MPSADBW -> immediate >> 3;
            case BLENDPS -> immediate >> 4;
            default -> immediate;
        };
    }

    /** Returns it with an immediate, of which the low eight bits count. */
    public XmmOperation with(int immediate) {
        return (r, dst, lo, hi) -> operation.apply(r, dst, lo, hi, immediate);
    }

    /**
     * Carries it out: {@link XmmOperation#apply} with an immediate, of which the low eight bits
     * count.
     */
    public void apply(long[] r, int dst, long lo, long hi, int immediate) {
        operation.apply(r, dst, lo, hi, immediate);
    }

    @FunctionalInterface
    private interface Operation {
        void apply(long[] r, int dst, long lo, long hi, int immediate);
    }
}
