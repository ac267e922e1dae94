package dev.microvm.engine.simd;

import static dev.microvm.engine.simd.PackedMultiply.pair;
import static dev.microvm.engine.simd.XmmFloatOperation.alternating32;
import static dev.microvm.engine.simd.XmmFloatOperation.alternating64;
import static dev.microvm.engine.simd.XmmFloatOperation.horizontal32;
import static dev.microvm.engine.simd.XmmFloatOperation.horizontal64;
import static dev.microvm.engine.simd.XmmFloatOperation.packed32;
import static dev.microvm.engine.simd.XmmFloatOperation.packed64;
import static dev.microvm.engine.simd.XmmFloatOperation.scalar32;
import static dev.microvm.engine.simd.XmmFloatOperation.scalar64;
import static dev.microvm.engine.simd.XmmFloatOperation.write;

/**
 * The floating-point instructions of SSE, SSE2 and SSE3 on XMM registers that have two operands and
 * no immediate: by their opcodes. Those with general or MMX registers are made of {@link
 * FloatConvert} and {@link FloatCompare}.
 *
 * <p>Source: Intel SDM vol. 2, appendix A.
 */
@SuppressWarnings("ImmutableEnumChecker") // functions without state
public enum FloatOperation {
    // Arithmetic.
    SQRTPS(0x0f51, packed32((a, b, m) -> Float32.sqrt(b, m))),
    SQRTPD(0x660f51, packed64((a, b, m) -> Float64.sqrt(b, m))),
    SQRTSS(0xf30f51, scalar32((a, b, m) -> Float32.sqrt(b, m))),
    SQRTSD(0xf20f51, scalar64((a, b, m) -> Float64.sqrt(b, m))),
    RSQRTPS(0x0f52, packed32((a, b, m) -> Float32.reciprocalSqrt(b))),
    RSQRTSS(0xf30f52, scalar32((a, b, m) -> Float32.reciprocalSqrt(b))),
    RCPPS(0x0f53, packed32((a, b, m) -> Float32.reciprocal(b))),
    RCPSS(0xf30f53, scalar32((a, b, m) -> Float32.reciprocal(b))),
    ADDPS(0x0f58, packed32(Float32::add)),
    ADDPD(0x660f58, packed64(Float64::add)),
    ADDSS(0xf30f58, scalar32(Float32::add)),
    ADDSD(0xf20f58, scalar64(Float64::add)),
    MULPS(0x0f59, packed32(Float32::multiply)),
    MULPD(0x660f59, packed64(Float64::multiply)),
    MULSS(0xf30f59, scalar32(Float32::multiply)),
    MULSD(0xf20f59, scalar64(Float64::multiply)),
    SUBPS(0x0f5c, packed32(Float32::subtract)),
    SUBPD(0x660f5c, packed64(Float64::subtract)),
    SUBSS(0xf30f5c, scalar32(Float32::subtract)),
    SUBSD(0xf20f5c, scalar64(Float64::subtract)),
    MINPS(0x0f5d, packed32(Float32::min)),
    MINPD(0x660f5d, packed64(Float64::min)),
    MINSS(0xf30f5d, scalar32(Float32::min)),
    MINSD(0xf20f5d, scalar64(Float64::min)),
    DIVPS(0x0f5e, packed32(Float32::divide)),
    DIVPD(0x660f5e, packed64(Float64::divide)),
    DIVSS(0xf30f5e, scalar32(Float32::divide)),
    DIVSD(0xf20f5e, scalar64(Float64::divide)),
    MAXPS(0x0f5f, packed32(Float32::max)),
    MAXPD(0x660f5f, packed64(Float64::max)),
    MAXSS(0xf30f5f, scalar32(Float32::max)),
    MAXSD(0xf20f5f, scalar64(Float64::max)),

    // SSE3.
    HADDPD(0x660f7c, horizontal64(Float64::add)),
    HADDPS(0xf20f7c, horizontal32(Float32::add)),
    HSUBPD(0x660f7d, horizontal64(Float64::subtract)),
    HSUBPS(0xf20f7d, horizontal32(Float32::subtract)),
    ADDSUBPD(0x660fd0, alternating64(Float64::subtract, Float64::add)),
    ADDSUBPS(0xf20fd0, alternating32(Float32::subtract, Float32::add)),

    // Conversions within XMM registers.
    CVTPS2PD(0x0f5a, FloatOperation::cvtps2pd),
    CVTPD2PS(0x660f5a, FloatOperation::cvtpd2ps),
    CVTSS2SD(0xf30f5a, FloatOperation::cvtss2sd),
    CVTSD2SS(0xf20f5a, FloatOperation::cvtsd2ss),
    CVTDQ2PS(0x0f5b, FloatOperation::cvtdq2ps),
    CVTPS2DQ(0x660f5b, (r, dst, lo, hi, m) -> cvtps2dq(r, dst, lo, hi, false, m)),
    CVTTPS2DQ(0xf30f5b, (r, dst, lo, hi, m) -> cvtps2dq(r, dst, lo, hi, true, m)),
    CVTDQ2PD(0xf30fe6, FloatOperation::cvtdq2pd),
    CVTPD2DQ(0xf20fe6, (r, dst, lo, hi, m) -> cvtpd2dq(r, dst, lo, hi, false, m)),
    CVTTPD2DQ(0x660fe6, (r, dst, lo, hi, m) -> cvtpd2dq(r, dst, lo, hi, true, m));

    private final int opcode;
    private final XmmFloatOperation operation;

    FloatOperation(int opcode, XmmFloatOperation operation) {
        this.opcode = opcode;
        this.operation = operation;
    }

    /** Its bytes as a number, a mandatory prefix first. */
    public int opcode() {
        return opcode;
    }

    /** What it does. */
    public XmmFloatOperation operation() {
        return operation;
    }

    private static boolean cvtps2pd(long[] r, int dst, long lo, long hi, Mxcsr m) {
        long low = FloatConvert.toDouble((int) lo, m);
        return write(r, dst, low, FloatConvert.toDouble((int) (lo >> 32), m), m);
    }

    private static boolean cvtpd2ps(long[] r, int dst, long lo, long hi, Mxcsr m) {
        int low = FloatConvert.toFloat(lo, m);
        return write(r, dst, pair(low, FloatConvert.toFloat(hi, m)), 0, m);
    }

    private static boolean cvtss2sd(long[] r, int dst, long lo, long hi, Mxcsr m) {
        return write(r, dst, FloatConvert.toDouble((int) lo, m), r[dst + 1], m);
    }

    private static boolean cvtsd2ss(long[] r, int dst, long lo, long hi, Mxcsr m) {
        return write(r, dst, pair(FloatConvert.toFloat(lo, m), (int) (r[dst] >> 32)), r[dst + 1], m);
    }

    private static boolean cvtdq2ps(long[] r, int dst, long lo, long hi, Mxcsr m) {
        long low = pair(FloatConvert.floatOf((int) lo, m), FloatConvert.floatOf((int) (lo >> 32), m));
        long high = pair(FloatConvert.floatOf((int) hi, m), FloatConvert.floatOf((int) (hi >> 32), m));
        return write(r, dst, low, high, m);
    }

    private static boolean cvtps2dq(long[] r, int dst, long lo, long hi, boolean truncate, Mxcsr m) {
        long low =
                pair(FloatConvert.toInt32((int) lo, truncate, m), FloatConvert.toInt32((int) (lo >> 32), truncate, m));
        long high =
                pair(FloatConvert.toInt32((int) hi, truncate, m), FloatConvert.toInt32((int) (hi >> 32), truncate, m));
        return write(r, dst, low, high, m);
    }

    private static boolean cvtdq2pd(long[] r, int dst, long lo, long hi, Mxcsr m) {
        return write(r, dst, FloatConvert.doubleOf((int) lo), FloatConvert.doubleOf((int) (lo >> 32)), m);
    }

    private static boolean cvtpd2dq(long[] r, int dst, long lo, long hi, boolean truncate, Mxcsr m) {
        int low = FloatConvert.toInt32(lo, truncate, m);
        return write(r, dst, pair(low, FloatConvert.toInt32(hi, truncate, m)), 0, m);
    }
}
