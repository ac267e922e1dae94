package dev.microvm.engine.translate;

import static dev.microvm.engine.decode.Decoded.NO_PREFIX;
import static dev.microvm.engine.decode.Decoded.PREFIX_66;
import static dev.microvm.engine.decode.Decoded.PREFIX_F2;
import static dev.microvm.engine.decode.Decoded.PREFIX_F3;

import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.exec.simd.CheckedSimd;
import dev.microvm.engine.exec.simd.MmxSource;
import dev.microvm.engine.exec.simd.PackedInstructions;
import dev.microvm.engine.exec.simd.SimdAction;
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
 * MMX and SSE: Intel SDM vol. 2D, tables. What they compute is in {@code
 * dev.microvm.engine.simd}, whose tables are by opcode. {@link SimdMoveSelector} has the moves,
 * {@link SimdMixedSelector} those that have registers of two kinds.
 */
final class SimdSelector implements Selector {
    private static final int[] PREFIX_BYTES = {0, 0x66, 0xF3, 0xF2}; // by number of the mandatory prefix

    /**
     * The source's element means nothing where the source is memory: Intel SDM vol. 2A, INSERTPS.
     */
    private static final int INSERTPS_WITHOUT_SOURCE = 0x3F;

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

    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        if (d.opcode < 0x100 || d.lock) return null;
        Instruction instruction = d.opcode < 0x200 ? withoutTable(d, block) : null;
        if (instruction == null) instruction = fromTables(d, block);
        if (d.mode != CodeMode.BITS_64 && !d.isRegister() && instruction instanceof CheckedSimd checked) {
            block.precede(new Plain(checked.needs()::require)); // it comes before the operand's segment
        }
        return instruction;
    }

    private static @Nullable Instruction withoutTable(Decoded d, BlockBuilder block) {
        Instruction move = SimdMoveSelector.select(d, block);
        if (move != null) return move;
        Instruction mixed = SimdMixedSelector.select(d, block);
        return mixed != null ? mixed : special(d, block);
    }

    /**
     * What differs from the tables' rule for its prefixes, or has an immediate and MMX registers.
     */
    private static @Nullable Instruction special(Decoded d, BlockBuilder block) {
        int prefix = d.mandatoryPrefix();
        return switch (d.opcode & 0xFF) {
            case 0x14 -> unpack(d, block, PackedOperation.PUNPCKLDQ, PackedOperation.PUNPCKLQDQ); // UNPCKLPS, UNPCKLPD
            case 0x15 -> unpack(d, block, PackedOperation.PUNPCKHDQ, PackedOperation.PUNPCKHQDQ); // UNPCKHPS, UNPCKHPD
            case 0x54 -> logic(d, block, PackedOperation.PAND); // ANDPS, ANDPD
            case 0x55 -> logic(d, block, PackedOperation.PANDN); // ANDNPS, ANDNPD
            case 0x56 -> logic(d, block, PackedOperation.POR); // ORPS, ORPD
            case 0x57 -> logic(d, block, PackedOperation.PXOR); // XORPS, XORPD
            case 0x70 -> prefix == NO_PREFIX ? shuffleMmx(d, block) : null; // PSHUFW
            case 0x71, 0x72, 0x73 -> shiftByImmediate(d, prefix);
            case 0x77 -> prefix == NO_PREFIX ? SimdAction.mmx((cpu, xmm, at) -> cpu.fpu.emptyMmx()) : null; // EMMS
            default -> null;
        };
    }

    private static @Nullable Instruction unpack(
            Decoded d, BlockBuilder block, PackedOperation singles, PackedOperation doubles) {
        return switch (d.mandatoryPrefix()) {
            case NO_PREFIX -> packed(d, block, singles.xmm(), 16);
            case PREFIX_66 -> packed(d, block, doubles.xmm(), 16);
            default -> null;
        };
    }

    private static @Nullable Instruction logic(Decoded d, BlockBuilder block, PackedOperation operation) {
        return d.mandatoryPrefix() <= PREFIX_66 ? packed(d, block, operation.xmm(), 16) : null;
    }

    private static Instruction shuffleMmx(Decoded d, BlockBuilder block) {
        int immediate = (int) d.immediate & 0xFF;
        LaneOperation shuffle = (a, b) -> PackedShuffle.pshufw(b, immediate);
        return new PackedInstructions.Mmx(shuffle, d.reg & 7, block.mmxSource(d, 8));
    }

    /** Groups 12, 13 and 14: Intel SDM vol. 2D, table A-6. */
    private static @Nullable Instruction shiftByImmediate(Decoded d, int prefix) {
        if (!d.isRegister() || prefix > PREFIX_66) return null;
        int count = (int) d.immediate & 0xFF;
        int to = d.rm * 2;
        int key = (d.opcode & 0xF) << 4 | d.group();
        if (prefix == PREFIX_66 && key == 0x33) {
            return SimdAction.sse((cpu, xmm, at) -> PackedShift.psrldq(xmm, to, count));
        }
        if (prefix == PREFIX_66 && key == 0x37) {
            return SimdAction.sse((cpu, xmm, at) -> PackedShift.pslldq(xmm, to, count));
        }
        LaneOperation shift = shift(key);
        if (shift == null) return null;
        if (prefix == PREFIX_66) {
            return SimdAction.sse((cpu, xmm, at) -> {
                xmm[to] = shift.apply(xmm[to], count);
                xmm[to + 1] = shift.apply(xmm[to + 1], count);
            });
        }
        int mm = d.rm & 7;
        return SimdAction.mmx((cpu, xmm, at) -> {
            cpu.fpu.enterMmx();
            cpu.fpu.mmx(mm, shift.apply(cpu.fpu.mmx(mm), count));
        });
    }

    /** By the last digit of the opcode and the {@code reg} field. */
    private static @Nullable LaneOperation shift(int key) {
        return switch (key) {
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

    // Tables

    /**
     * An instruction of two operands, of which one in memory must be aligned if it has 16 bytes.
     */
    static Instruction packed(Decoded d, BlockBuilder block, XmmOperation operation, int sourceSize) {
        return new PackedInstructions.Integers(operation, d.reg * 2, block.xmmSource(d, sourceSize, true));
    }

    private static @Nullable Instruction fromTables(Decoded d, BlockBuilder block) {
        int bare = switch (d.opcode >> 8) {
            case 1 -> 0x0F00 | (d.opcode & 0xFF);
            case 2 -> 0x0F3800 | (d.opcode & 0xFF);
            default -> 0x0F3A00 | (d.opcode & 0xFF);
        };
        int prefix = d.mandatoryPrefix();
        int key = PREFIX_BYTES[prefix] << (bare > 0xFFFF ? 24 : 16) | bare;

        PackedOperation packed = prefix <= PREFIX_66 ? PACKED.get(bare) : null;
        if (packed != null) return fromPacked(d, block, packed);
        PackedImmediateOperation packedImmediate = PACKED_IMMEDIATE.get(key);
        if (packedImmediate != null) return fromPackedImmediate(d, block, packedImmediate);
        ShaOperation sha = SHA.get(key);
        if (sha != null)
            return new PackedInstructions.Integers(sha.operation(), d.reg * 2, block.xmmSource(d, 16, false));
        FloatOperation floats = FLOAT.get(key);
        if (floats != null) {
            int size = sourceSize(floats, prefix);
            return new PackedInstructions.Floats(floats.operation(), d.reg * 2, block.xmmSource(d, size, true));
        }
        FloatImmediateOperation floatsImmediate = FLOAT_IMMEDIATE.get(key);
        if (floatsImmediate == null) return null;
        int size = sourceSize(floatsImmediate, d.opcode == CMP_FLOATS, prefix);
        int immediate = (int) d.immediate & 0xFF;
        return new PackedInstructions.FloatsImmediate(
                floatsImmediate, d.reg * 2, block.xmmSource(d, size, true), immediate);
    }

    private static @Nullable Instruction fromPacked(Decoded d, BlockBuilder block, PackedOperation operation) {
        if (d.mandatoryPrefix() == PREFIX_66) return packed(d, block, operation.xmm(), operation.sourceSize());
        if (!operation.isOnMmx()) return null;
        MmxSource source = block.mmxSource(d, operation.mmxSourceSize());
        return new PackedInstructions.Mmx(operation.mmx(), d.reg & 7, source);
    }

    private static Instruction fromPackedImmediate(Decoded d, BlockBuilder block, PackedImmediateOperation operation) {
        boolean insertsMemory = operation == PackedImmediateOperation.INSERTPS && !d.isRegister();
        boolean aligned = operation != PackedImmediateOperation.SHA1RNDS4;
        int mask = insertsMemory ? INSERTPS_WITHOUT_SOURCE : 0xFF;
        return new PackedInstructions.IntegersImmediate(
                operation, d.reg * 2, block.xmmSource(d, insertsMemory ? 4 : 16, aligned), (int) d.immediate & mask);
    }

    private static int scalarSize(int prefix) {
        return prefix == PREFIX_F3 ? 4 : prefix == PREFIX_F2 ? 8 : 16;
    }

    /** Bytes of a second operand in memory. */
    private static int sourceSize(FloatOperation operation, int prefix) {
        return switch (operation) {
            case HADDPS, HSUBPS, ADDSUBPS, CVTTPS2DQ, CVTPD2DQ -> 16;
            case CVTPS2PD, CVTDQ2PD -> 8;
            default -> scalarSize(prefix);
        };
    }

    private static int sourceSize(FloatImmediateOperation operation, boolean compares, int prefix) {
        return switch (operation) {
            case ROUNDSS -> 4;
            case ROUNDSD -> 8;
            default -> compares ? scalarSize(prefix) : 16;
        };
    }
}
