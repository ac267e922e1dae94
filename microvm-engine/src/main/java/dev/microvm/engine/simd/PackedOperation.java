package dev.microvm.engine.simd;

import static dev.microvm.engine.simd.XmmOperation.horizontal;
import static dev.microvm.engine.simd.XmmOperation.lanes;
import static dev.microvm.engine.simd.XmmOperation.shift;
import static dev.microvm.engine.simd.XmmOperation.unpackHigh;
import static dev.microvm.engine.simd.XmmOperation.unpackLow;

/**
 * The integer instructions of MMX and SSE that have a register and a register-or-memory operand of
 * the same kind and change nothing else: by their opcodes, without a prefix on MMX registers, with
 * the prefix 66 on XMM registers.
 *
 * <p>Source: Intel SDM vol. 2, appendix A.
 */
@SuppressWarnings("ImmutableEnumChecker") // functions without state
public enum PackedOperation {
    // Interleaving and packing.
    PUNPCKLBW(0x0f60, PackedShuffle::punpcklbw, unpackLow(PackedShuffle::punpcklbw, PackedShuffle::punpckhbw)),
    PUNPCKHBW(0x0f68, PackedShuffle::punpckhbw, unpackHigh(PackedShuffle::punpcklbw, PackedShuffle::punpckhbw)),
    PUNPCKLWD(0x0f61, PackedShuffle::punpcklwd, unpackLow(PackedShuffle::punpcklwd, PackedShuffle::punpckhwd)),
    PUNPCKHWD(0x0f69, PackedShuffle::punpckhwd, unpackHigh(PackedShuffle::punpcklwd, PackedShuffle::punpckhwd)),
    PUNPCKLDQ(0x0f62, PackedShuffle::punpckldq, unpackLow(PackedShuffle::punpckldq, PackedShuffle::punpckhdq)),
    PUNPCKHDQ(0x0f6a, PackedShuffle::punpckhdq, unpackHigh(PackedShuffle::punpckldq, PackedShuffle::punpckhdq)),
    PUNPCKLQDQ(0x0f6c, PackedShuffle::punpcklqdq),
    PUNPCKHQDQ(0x0f6d, PackedShuffle::punpckhqdq),
    PACKSSWB(0x0f63, PackedHorizontal::packsswb, horizontal(PackedHorizontal::packsswb)),
    PACKUSWB(0x0f67, PackedHorizontal::packuswb, horizontal(PackedHorizontal::packuswb)),
    PACKSSDW(0x0f6b, PackedHorizontal::packssdw, horizontal(PackedHorizontal::packssdw)),

    // Comparison.
    PCMPGTB(0x0f64, PackedCompare::pcmpgtb),
    PCMPGTW(0x0f65, PackedCompare::pcmpgtw),
    PCMPGTD(0x0f66, PackedCompare::pcmpgtd),
    PCMPEQB(0x0f74, PackedCompare::pcmpeqb),
    PCMPEQW(0x0f75, PackedCompare::pcmpeqw),
    PCMPEQD(0x0f76, PackedCompare::pcmpeqd),

    // Shifts by a register.
    PSRLW(0x0fd1, PackedShift::psrlw, shift(PackedShift::psrlw)),
    PSRLD(0x0fd2, PackedShift::psrld, shift(PackedShift::psrld)),
    PSRLQ(0x0fd3, PackedShift::psrlq, shift(PackedShift::psrlq)),
    PSRAW(0x0fe1, PackedShift::psraw, shift(PackedShift::psraw)),
    PSRAD(0x0fe2, PackedShift::psrad, shift(PackedShift::psrad)),
    PSLLW(0x0ff1, PackedShift::psllw, shift(PackedShift::psllw)),
    PSLLD(0x0ff2, PackedShift::pslld, shift(PackedShift::pslld)),
    PSLLQ(0x0ff3, PackedShift::psllq, shift(PackedShift::psllq)),

    // Arithmetic.
    PADDQ(0x0fd4, PackedArithmetic::paddq),
    PSUBUSB(0x0fd8, PackedArithmetic::psubusb),
    PSUBUSW(0x0fd9, PackedArithmetic::psubusw),
    PMINUB(0x0fda, PackedArithmetic::pminub),
    PADDUSB(0x0fdc, PackedArithmetic::paddusb),
    PADDUSW(0x0fdd, PackedArithmetic::paddusw),
    PMAXUB(0x0fde, PackedArithmetic::pmaxub),
    PAVGB(0x0fe0, PackedArithmetic::pavgb),
    PAVGW(0x0fe3, PackedArithmetic::pavgw),
    PSUBSB(0x0fe8, PackedArithmetic::psubsb),
    PSUBSW(0x0fe9, PackedArithmetic::psubsw),
    PMINSW(0x0fea, PackedArithmetic::pminsw),
    PADDSB(0x0fec, PackedArithmetic::paddsb),
    PADDSW(0x0fed, PackedArithmetic::paddsw),
    PMAXSW(0x0fee, PackedArithmetic::pmaxsw),
    PSUBB(0x0ff8, PackedArithmetic::psubb),
    PSUBW(0x0ff9, PackedArithmetic::psubw),
    PSUBD(0x0ffa, PackedArithmetic::psubd),
    PSUBQ(0x0ffb, PackedArithmetic::psubq),
    PADDB(0x0ffc, PackedArithmetic::paddb),
    PADDW(0x0ffd, PackedArithmetic::paddw),
    PADDD(0x0ffe, PackedArithmetic::paddd),
    PMULLW(0x0fd5, PackedMultiply::pmullw),
    PMULHUW(0x0fe4, PackedMultiply::pmulhuw),
    PMULHW(0x0fe5, PackedMultiply::pmulhw),
    PMULUDQ(0x0ff4, PackedMultiply::pmuludq),
    PMADDWD(0x0ff5, PackedMultiply::pmaddwd),
    PSADBW(0x0ff6, PackedMultiply::psadbw),

    // Logic.
    PAND(0x0fdb, (a, b) -> a & b),
    PANDN(0x0fdf, (a, b) -> ~a & b),
    POR(0x0feb, (a, b) -> a | b),
    PXOR(0x0fef, (a, b) -> a ^ b),

    // SSSE3.
    PSHUFB(0xf3800, PackedShuffle::pshufb, PackedShuffle::pshufb),
    PHADDW(0xf3801, PackedHorizontal::phaddw, horizontal(PackedHorizontal::phaddw)),
    PHADDD(0xf3802, PackedHorizontal::phaddd, horizontal(PackedHorizontal::phaddd)),
    PHADDSW(0xf3803, PackedHorizontal::phaddsw, horizontal(PackedHorizontal::phaddsw)),
    PHSUBW(0xf3805, PackedHorizontal::phsubw, horizontal(PackedHorizontal::phsubw)),
    PHSUBD(0xf3806, PackedHorizontal::phsubd, horizontal(PackedHorizontal::phsubd)),
    PHSUBSW(0xf3807, PackedHorizontal::phsubsw, horizontal(PackedHorizontal::phsubsw)),
    PMADDUBSW(0xf3804, PackedMultiply::pmaddubsw),
    PSIGNB(0xf3808, PackedArithmetic::psignb),
    PSIGNW(0xf3809, PackedArithmetic::psignw),
    PSIGND(0xf380a, PackedArithmetic::psignd),
    PMULHRSW(0xf380b, PackedMultiply::pmulhrsw),
    PABSB(0xf381c, PackedArithmetic::pabsb),
    PABSW(0xf381d, PackedArithmetic::pabsw),
    PABSD(0xf381e, PackedArithmetic::pabsd),

    // SSE4.1 and SSE4.2, on XMM registers only.
    PMOVSXBW(0xf3820, (r, dst, lo, hi) -> PackedShuffle.pmovsx(r, dst, lo, 8, 16)),
    PMOVSXBD(0xf3821, (r, dst, lo, hi) -> PackedShuffle.pmovsx(r, dst, lo, 8, 32)),
    PMOVSXBQ(0xf3822, (r, dst, lo, hi) -> PackedShuffle.pmovsx(r, dst, lo, 8, 64)),
    PMOVSXWD(0xf3823, (r, dst, lo, hi) -> PackedShuffle.pmovsx(r, dst, lo, 16, 32)),
    PMOVSXWQ(0xf3824, (r, dst, lo, hi) -> PackedShuffle.pmovsx(r, dst, lo, 16, 64)),
    PMOVSXDQ(0xf3825, (r, dst, lo, hi) -> PackedShuffle.pmovsx(r, dst, lo, 32, 64)),
    PMOVZXBW(0xf3830, (r, dst, lo, hi) -> PackedShuffle.pmovzx(r, dst, lo, 8, 16)),
    PMOVZXBD(0xf3831, (r, dst, lo, hi) -> PackedShuffle.pmovzx(r, dst, lo, 8, 32)),
    PMOVZXBQ(0xf3832, (r, dst, lo, hi) -> PackedShuffle.pmovzx(r, dst, lo, 8, 64)),
    PMOVZXWD(0xf3833, (r, dst, lo, hi) -> PackedShuffle.pmovzx(r, dst, lo, 16, 32)),
    PMOVZXWQ(0xf3834, (r, dst, lo, hi) -> PackedShuffle.pmovzx(r, dst, lo, 16, 64)),
    PMOVZXDQ(0xf3835, (r, dst, lo, hi) -> PackedShuffle.pmovzx(r, dst, lo, 32, 64)),
    PMULDQ(0xf3828, lanes(PackedMultiply::pmuldq)),
    PCMPEQQ(0xf3829, lanes(PackedCompare::pcmpeqq)),
    PCMPGTQ(0xf3837, lanes(PackedCompare::pcmpgtq)),
    PMINSB(0xf3838, lanes(PackedArithmetic::pminsb)),
    PMINSD(0xf3839, lanes(PackedArithmetic::pminsd)),
    PMINUW(0xf383a, lanes(PackedArithmetic::pminuw)),
    PMINUD(0xf383b, lanes(PackedArithmetic::pminud)),
    PMAXSB(0xf383c, lanes(PackedArithmetic::pmaxsb)),
    PMAXSD(0xf383d, lanes(PackedArithmetic::pmaxsd)),
    PMAXUW(0xf383e, lanes(PackedArithmetic::pmaxuw)),
    PMAXUD(0xf383f, lanes(PackedArithmetic::pmaxud)),
    PMULLD(0xf3840, lanes(PackedMultiply::pmulld)),
    PACKUSDW(0xf382b, horizontal(PackedHorizontal::packusdw)),
    PHMINPOSUW(0xf3841, PackedMultiply::phminposuw),

    // AES, on XMM registers only.
    AESIMC(0xf38db, Aes::inverseMix),
    AESENC(0xf38dc, Aes::encrypt),
    AESENCLAST(0xf38dd, Aes::encryptLast),
    AESDEC(0xf38de, Aes::decrypt),
    AESDECLAST(0xf38df, Aes::decryptLast);

    private final int opcode;
    private final LaneOperation mmx;
    private final XmmOperation xmm;
    private final boolean onMmx;

    PackedOperation(int opcode, LaneOperation mmx, XmmOperation xmm, boolean onMmx) {
        this.opcode = opcode;
        this.mmx = mmx;
        this.xmm = xmm;
        this.onMmx = onMmx;
    }

    PackedOperation(int opcode, LaneOperation lanes) {
        this(opcode, lanes, lanes(lanes), true);
    }

    PackedOperation(int opcode, LaneOperation mmx, XmmOperation xmm) {
        this(opcode, mmx, xmm, true);
    }

    PackedOperation(int opcode, XmmOperation xmm) {
        this(opcode, (a, b) -> a, xmm, false);
    }

    /** Its bytes as a number, 0x0fxx or 0x0f38xx, without prefixes. */
    public int opcode() {
        return opcode;
    }

    /**
     * Bytes of a second operand of XMM registers in memory: fewer than 16 for the widening moves.
     */
    public int sourceSize() {
        return switch (this) {
            case PMOVSXBW, PMOVSXWD, PMOVSXDQ, PMOVZXBW, PMOVZXWD, PMOVZXDQ -> 8;
            case PMOVSXBD, PMOVSXWQ, PMOVZXBD, PMOVZXWQ -> 4;
            case PMOVSXBQ, PMOVZXBQ -> 2;
            default -> 16;
        };
    }

    /** Bytes of a second operand of MMX registers in memory. */
    public int mmxSourceSize() {
        return switch (this) {
            case PUNPCKLBW, PUNPCKLWD, PUNPCKLDQ -> 4;
            default -> 8;
        };
    }

    /** Whether it exists without the prefix 66, on MMX registers. */
    public boolean isOnMmx() {
        return onMmx;
    }

    /** What it does to MMX operands; meaningless unless {@link #isOnMmx}. */
    public LaneOperation mmx() {
        return mmx;
    }

    /** What it does to XMM operands. */
    public XmmOperation xmm() {
        return xmm;
    }
}
