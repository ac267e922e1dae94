package dev.microvm.engine.translate;

import static dev.microvm.engine.decode.Decoded.PREFIX_66;
import static dev.microvm.engine.decode.Decoded.PREFIX_F2;
import static dev.microvm.engine.decode.Decoded.PREFIX_F3;

import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.simd.FloatImmediateOperation;
import dev.microvm.engine.simd.FloatOperation;
import dev.microvm.engine.simd.LaneOperation;
import dev.microvm.engine.simd.PackedImmediateOperation;
import dev.microvm.engine.simd.PackedOperation;
import dev.microvm.engine.simd.PackedShift;
import dev.microvm.engine.simd.PackedShuffle;
import dev.microvm.engine.simd.ShaOperation;
import dev.microvm.engine.simd.XmmOperation;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The operations of {@code dev.microvm.engine.simd} by opcode, for the forms of SSE and of AVX.
 */
final class OperationTables {
    private static final int[] PREFIX_BYTES = {0, 0x66, 0xF3, 0xF2}; // by number of the mandatory prefix
    private static final int CMP_FLOATS = 0x1C2; // CMPPS, CMPPD, CMPSS, CMPSD

    private static final Map<Integer, PackedOperation> PACKED = new HashMap<>();
    private static final Map<Integer, PackedImmediateOperation> PACKED_IMMEDIATE = new HashMap<>();
    private static final Map<Integer, ShaOperation> SHA = new HashMap<>();
    private static final Map<Integer, FloatOperation> FLOAT = new HashMap<>();
    private static final Map<Integer, FloatImmediateOperation> FLOAT_IMMEDIATE = new HashMap<>();

    static {
        for (PackedOperation each : PackedOperation.values()) PACKED.put(each.opcode(), each);
        for (PackedImmediateOperation each : PackedImmediateOperation.values()) {
            PACKED_IMMEDIATE.put(each.opcode(), each);
        }
        for (ShaOperation each : ShaOperation.values()) SHA.put(each.opcode(), each);
        for (FloatOperation each : FloatOperation.values()) FLOAT.put(each.opcode(), each);
        for (FloatImmediateOperation each : FloatImmediateOperation.values()) FLOAT_IMMEDIATE.put(each.opcode(), each);
    }

    private OperationTables() {}

    /** The opcode as the tables have it, without a prefix. */
    private static int bare(Decoded d) {
        return switch (d.opcode >> 8) {
            case 1 -> 0x0F00 | (d.opcode & 0xFF);
            case 2 -> 0x0F3800 | (d.opcode & 0xFF);
            default -> 0x0F3A00 | (d.opcode & 0xFF);
        };
    }

    private static int key(Decoded d) {
        int bare = bare(d);
        return PREFIX_BYTES[d.mandatoryPrefix()] << (bare > 0xFFFF ? 24 : 16) | bare;
    }

    /** On integers, with the prefix 66 or none. */
    static @Nullable PackedOperation packed(Decoded d) {
        return d.mandatoryPrefix() <= PREFIX_66 ? PACKED.get(bare(d)) : null;
    }

    static @Nullable PackedImmediateOperation packedImmediate(Decoded d) {
        return PACKED_IMMEDIATE.get(key(d));
    }

    static @Nullable ShaOperation sha(Decoded d) {
        return SHA.get(key(d));
    }

    static @Nullable FloatOperation floats(Decoded d) {
        return FLOAT.get(key(d));
    }

    static @Nullable FloatImmediateOperation floatsImmediate(Decoded d) {
        return FLOAT_IMMEDIATE.get(key(d));
    }

    /**
     * Of floating-point numbers, but with the bits of integers: UNPCKLPS and the like, ANDPS and
     * the like, with the prefix 66 or none.
     */
    static @Nullable PackedOperation bitwise(Decoded d) {
        int prefix = d.mandatoryPrefix();
        if (prefix > PREFIX_66) return null;
        boolean doubles = prefix == PREFIX_66;
        return switch (d.opcode) {
            case 0x114 -> doubles ? PackedOperation.PUNPCKLQDQ : PackedOperation.PUNPCKLDQ; // UNPCKLPD, UNPCKLPS
            case 0x115 -> doubles ? PackedOperation.PUNPCKHQDQ : PackedOperation.PUNPCKHDQ; // UNPCKHPD, UNPCKHPS
            case 0x154 -> PackedOperation.PAND; // ANDPS, ANDPD
            case 0x155 -> PackedOperation.PANDN; // ANDNPS, ANDNPD
            case 0x156 -> PackedOperation.POR; // ORPS, ORPD
            case 0x157 -> PackedOperation.PXOR; // XORPS, XORPD
            default -> null;
        };
    }

    /** MOVDDUP, MOVSLDUP and MOVSHDUP. */
    static @Nullable XmmOperation duplicate(Decoded d) {
        int prefix = d.mandatoryPrefix();
        if (d.opcode == 0x112 && prefix == PREFIX_F2) return PackedShuffle::movddup;
        if (d.opcode == 0x112 && prefix == PREFIX_F3) return PackedShuffle::movsldup;
        return d.opcode == 0x116 && prefix == PREFIX_F3 ? PackedShuffle::movshdup : null;
    }

    /**
     * Groups 12, 13 and 14, on XMM registers: shifts of the second operand by the immediate. Intel
     * SDM vol. 2D, table A-6.
     */
    static @Nullable XmmOperation immediateShift(Decoded d) {
        int count = (int) d.immediate & 0xFF;
        return switch (shiftKey(d)) {
            case 0x33 ->
                (r, dst, lo, hi) -> {
                    r[dst] = lo;
                    r[dst + 1] = hi;
                    PackedShift.psrldq(r, dst, count);
                };
            case 0x37 ->
                (r, dst, lo, hi) -> {
                    r[dst] = lo;
                    r[dst + 1] = hi;
                    PackedShift.pslldq(r, dst, count);
                };
            default -> inEitherHalf(laneShift(d), count);
        };
    }

    private static @Nullable XmmOperation inEitherHalf(@Nullable LaneOperation shift, int count) {
        if (shift == null) return null;
        return (r, dst, lo, hi) -> {
            r[dst] = shift.apply(lo, count);
            r[dst + 1] = shift.apply(hi, count);
        };
    }

    private static int shiftKey(Decoded d) {
        return (d.opcode & 0xF) << 4 | d.group();
    }

    /** The shift of 64 bits of groups 12, 13 and 14. */
    static @Nullable LaneOperation laneShift(Decoded d) {
        return switch (shiftKey(d)) {
            case 0x12 -> PackedShift::psrlw;
            case 0x14 -> PackedShift::psraw;
            case 0x16 -> PackedShift::psllw;
            case 0x22 -> PackedShift::psrld;
            case 0x24 -> PackedShift::psrad;
            case 0x26 -> PackedShift::pslld;
            case 0x32 -> PackedShift::psrlq;
            case 0x36 -> PackedShift::psllq;
            default -> null;
        };
    }

    // Bytes of a second operand of 128 bits, or of a scalar, in memory

    static int sourceSize(FloatOperation operation, int prefix) {
        return switch (operation) {
            case HADDPS, HSUBPS, ADDSUBPS, CVTTPS2DQ, CVTPD2DQ -> 16;
            case CVTPS2PD, CVTDQ2PD -> 8;
            default -> scalarSize(prefix);
        };
    }

    static int sourceSize(FloatImmediateOperation operation, Decoded d) {
        return switch (operation) {
            case ROUNDSS -> 4;
            case ROUNDSD -> 8;
            default -> d.opcode == CMP_FLOATS ? scalarSize(d.mandatoryPrefix()) : 16;
        };
    }

    private static int scalarSize(int prefix) {
        return prefix == PREFIX_F3 ? 4 : prefix == PREFIX_F2 ? 8 : 16;
    }
}
