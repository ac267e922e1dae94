package dev.microvm.engine.simd;

import static dev.microvm.engine.simd.PackedMultiply.pair;
import static dev.microvm.engine.simd.XmmFloatOperation.write;

/**
 * The floating-point instructions of SSE on XMM registers that have an immediate byte after two
 * operands: by their opcodes.
 *
 * <p>Source: Intel SDM vol. 2, appendix A.
 */
@SuppressWarnings("ImmutableEnumChecker") // functions without state
public enum FloatImmediateOperation {
    CMPPS(0x0fc2, FloatImmediateOperation::cmpps),
    CMPPD(0x660fc2, FloatImmediateOperation::cmppd),
    CMPSS(0xf30fc2, FloatImmediateOperation::cmpss),
    CMPSD(0xf20fc2, FloatImmediateOperation::cmpsd),
    ROUNDPS(0x660f3a08, FloatImmediateOperation::roundps),
    ROUNDPD(0x660f3a09, FloatImmediateOperation::roundpd),
    ROUNDSS(0x660f3a0a, FloatImmediateOperation::roundss),
    ROUNDSD(0x660f3a0b, FloatImmediateOperation::roundsd),
    DPPS(0x660f3a40, FloatImmediateOperation::dpps),
    DPPD(0x660f3a41, FloatImmediateOperation::dppd);

    private final int opcode;
    private final Operation operation;

    FloatImmediateOperation(int opcode, Operation operation) {
        this.opcode = opcode;
        this.operation = operation;
    }

    /** Its bytes as a number, a mandatory prefix first. */
    public int opcode() {
        return opcode;
    }

    /** Returns it with an immediate, of which the low eight bits count. */
    public XmmFloatOperation with(int immediate) {
        return (r, dst, lo, hi, m) -> operation.apply(r, dst, lo, hi, immediate, m);
    }

    /**
     * Carries it out: {@link XmmFloatOperation#apply} with an immediate, of which the low eight
     * bits count.
     */
    public boolean apply(long[] r, int dst, long lo, long hi, int immediate, Mxcsr m) {
        return operation.apply(r, dst, lo, hi, immediate, m);
    }

    @FunctionalInterface
    private interface Operation {
        boolean apply(long[] r, int dst, long lo, long hi, int immediate, Mxcsr m);
    }

    // ---- comparison

    private static boolean cmpps(long[] r, int dst, long lo, long hi, int predicate, Mxcsr m) {
        return write(r, dst, cmpps(r[dst], lo, predicate, m), cmpps(r[dst + 1], hi, predicate, m), m);
    }

    private static long cmpps(long a, long b, int predicate, Mxcsr m) {
        int low = FloatCompare.compare32((int) a, (int) b, predicate, m);
        return pair(low, FloatCompare.compare32((int) (a >> 32), (int) (b >> 32), predicate, m));
    }

    private static boolean cmppd(long[] r, int dst, long lo, long hi, int predicate, Mxcsr m) {
        long low = FloatCompare.compare64(r[dst], lo, predicate, m);
        return write(r, dst, low, FloatCompare.compare64(r[dst + 1], hi, predicate, m), m);
    }

    private static boolean cmpss(long[] r, int dst, long lo, long hi, int predicate, Mxcsr m) {
        int low = FloatCompare.compare32((int) r[dst], (int) lo, predicate, m);
        return write(r, dst, pair(low, (int) (r[dst] >> 32)), r[dst + 1], m);
    }

    private static boolean cmpsd(long[] r, int dst, long lo, long hi, int predicate, Mxcsr m) {
        return write(r, dst, FloatCompare.compare64(r[dst], lo, predicate, m), r[dst + 1], m);
    }

    // ---- rounding

    private static boolean roundps(long[] r, int dst, long lo, long hi, int immediate, Mxcsr m) {
        return write(r, dst, roundps(lo, immediate, m), roundps(hi, immediate, m), m);
    }

    private static long roundps(long b, int immediate, Mxcsr m) {
        int low = FloatConvert.round((int) b, immediate, m);
        return pair(low, FloatConvert.round((int) (b >> 32), immediate, m));
    }

    private static boolean roundpd(long[] r, int dst, long lo, long hi, int immediate, Mxcsr m) {
        return write(r, dst, FloatConvert.round(lo, immediate, m), FloatConvert.round(hi, immediate, m), m);
    }

    private static boolean roundss(long[] r, int dst, long lo, long hi, int immediate, Mxcsr m) {
        int low = FloatConvert.round((int) lo, immediate, m);
        return write(r, dst, pair(low, (int) (r[dst] >> 32)), r[dst + 1], m);
    }

    private static boolean roundsd(long[] r, int dst, long lo, long hi, int immediate, Mxcsr m) {
        return write(r, dst, FloatConvert.round(lo, immediate, m), r[dst + 1], m);
    }

    // ---- dot products: bits 4 to 7 choose what is multiplied, bits 0 to 3 where the sum goes

    private static boolean dpps(long[] r, int dst, long lo, long hi, int immediate, Mxcsr m) {
        int p0 = product32(r[dst], lo, immediate >> 4, m);
        int p1 = product32(r[dst] >> 32, lo >> 32, immediate >> 5, m);
        int p2 = product32(r[dst + 1], hi, immediate >> 6, m);
        int p3 = product32(r[dst + 1] >> 32, hi >> 32, immediate >> 7, m);
        if (!m.commit()) return false;
        int low = Float32.add(p0, p1, m);
        int high = Float32.add(p2, p3, m);
        if (!m.commit()) return false;
        int sum = Float32.add(low, high, m);
        long even = pair(chosen(sum, immediate), chosen(sum, immediate >> 1));
        return write(r, dst, even, pair(chosen(sum, immediate >> 2), chosen(sum, immediate >> 3)), m);
    }

    private static int product32(long a, long b, int bit, Mxcsr m) {
        return (bit & 1) == 0 ? 0 : Float32.multiply((int) a, (int) b, m);
    }

    private static int chosen(int sum, int bit) {
        return (bit & 1) == 0 ? 0 : sum;
    }

    private static boolean dppd(long[] r, int dst, long lo, long hi, int immediate, Mxcsr m) {
        long p0 = (immediate & 0x10) == 0 ? 0 : Float64.multiply(r[dst], lo, m);
        long p1 = (immediate & 0x20) == 0 ? 0 : Float64.multiply(r[dst + 1], hi, m);
        if (!m.commit()) return false;
        long sum = Float64.add(p0, p1, m);
        return write(r, dst, (immediate & 1) == 0 ? 0 : sum, (immediate & 2) == 0 ? 0 : sum, m);
    }
}
