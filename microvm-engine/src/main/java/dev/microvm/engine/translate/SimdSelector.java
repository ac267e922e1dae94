package dev.microvm.engine.translate;

import static dev.microvm.engine.decode.Decoded.NO_PREFIX;
import static dev.microvm.engine.decode.Decoded.PREFIX_66;

import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.exec.simd.CheckedSimd;
import dev.microvm.engine.exec.simd.MmxSource;
import dev.microvm.engine.exec.simd.PackedInstructions;
import dev.microvm.engine.exec.simd.SimdAction;
import dev.microvm.engine.exec.simd.XmmSource;
import dev.microvm.engine.simd.FloatImmediateOperation;
import dev.microvm.engine.simd.FloatOperation;
import dev.microvm.engine.simd.LaneOperation;
import dev.microvm.engine.simd.PackedImmediateOperation;
import dev.microvm.engine.simd.PackedOperation;
import dev.microvm.engine.simd.PackedShuffle;
import dev.microvm.engine.simd.ShaOperation;
import dev.microvm.engine.simd.XmmOperation;
import org.jspecify.annotations.Nullable;

/**
 * MMX and SSE: Intel SDM vol. 2D, tables. What they compute is in {@code
 * dev.microvm.engine.simd}, by {@link OperationTables}. {@link SimdMoveSelector} has the moves,
 * {@link SimdMixedSelector} those that have registers of two kinds.
 */
final class SimdSelector implements Selector {
    /**
     * The source's element means nothing where the source is memory: Intel SDM vol. 2A, INSERTPS.
     */
    static final int INSERTPS_WITHOUT_SOURCE = 0x3F;

    private static final int CMP_FLOATS = 0x1C2; // CMPPS, CMPPD, CMPSS, CMPSD
    private static final int PREDICATES = 7; // of SSE

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
            case 0x70 -> prefix == NO_PREFIX ? shuffleMmx(d, block) : null; // PSHUFW
            case 0x71, 0x72, 0x73 -> shiftByImmediate(d, prefix);
            case 0x77 -> prefix == NO_PREFIX ? SimdAction.mmx((cpu, xmm, at) -> cpu.fpu.emptyMmx()) : null; // EMMS
            default -> null;
        };
    }

    private static Instruction shuffleMmx(Decoded d, BlockBuilder block) {
        int immediate = (int) d.immediate & 0xFF;
        LaneOperation shuffle = (a, b) -> PackedShuffle.pshufw(b, immediate);
        return new PackedInstructions.Mmx(shuffle, d.reg & 7, block.mmxSource(d, 8));
    }

    /** Groups 12, 13 and 14: Intel SDM vol. 2D, table A-6. */
    private static @Nullable Instruction shiftByImmediate(Decoded d, int prefix) {
        if (!d.isRegister() || prefix > PREFIX_66) return null;
        if (prefix == PREFIX_66) {
            XmmOperation shift = OperationTables.immediateShift(d);
            return shift == null ? null : new PackedInstructions.Integers(shift, d.rm * 2, XmmSource.register(d.rm));
        }
        LaneOperation shift = OperationTables.laneShift(d);
        if (shift == null) return null;
        int count = (int) d.immediate & 0xFF;
        int mm = d.rm & 7;
        return SimdAction.mmx((cpu, xmm, at) -> {
            cpu.fpu.enterMmx();
            cpu.fpu.mmx(mm, shift.apply(cpu.fpu.mmx(mm), count));
        });
    }

    // Tables

    /**
     * An instruction of two operands, of which one in memory must be aligned if it has 16 bytes.
     */
    static Instruction packed(Decoded d, BlockBuilder block, XmmOperation operation, int sourceSize) {
        return new PackedInstructions.Integers(operation, d.reg * 2, block.xmmSource(d, sourceSize, true));
    }

    private static @Nullable Instruction fromTables(Decoded d, BlockBuilder block) {
        XmmOperation duplicate = OperationTables.duplicate(d);
        if (duplicate != null) return packed(d, block, duplicate, d.repeatNotEqual ? 8 : 16); // MOVDDUP has 8
        PackedOperation bitwise = OperationTables.bitwise(d);
        if (bitwise != null) return packed(d, block, bitwise.xmm(), 16);
        PackedOperation packed = OperationTables.packed(d);
        if (packed != null) return fromPacked(d, block, packed);
        PackedImmediateOperation packedImmediate = OperationTables.packedImmediate(d);
        if (packedImmediate != null) return fromPackedImmediate(d, block, packedImmediate);
        ShaOperation sha = OperationTables.sha(d);
        if (sha != null) {
            return new PackedInstructions.Integers(sha.operation(), d.reg * 2, block.xmmSource(d, 16, false));
        }
        FloatOperation floats = OperationTables.floats(d);
        if (floats != null) {
            int size = OperationTables.sourceSize(floats, d.mandatoryPrefix());
            return new PackedInstructions.Floats(floats.operation(), d.reg * 2, block.xmmSource(d, size, true));
        }
        FloatImmediateOperation floatsImmediate = OperationTables.floatsImmediate(d);
        if (floatsImmediate == null) return null;
        int size = OperationTables.sourceSize(floatsImmediate, d);
        int immediate = (int) d.immediate & (d.opcode == CMP_FLOATS ? PREDICATES : 0xFF);
        return new PackedInstructions.Floats(
                floatsImmediate.with(immediate), d.reg * 2, block.xmmSource(d, size, true));
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
        return new PackedInstructions.Integers(
                operation.with((int) d.immediate & mask),
                d.reg * 2,
                block.xmmSource(d, insertsMemory ? 4 : 16, aligned));
    }
}
