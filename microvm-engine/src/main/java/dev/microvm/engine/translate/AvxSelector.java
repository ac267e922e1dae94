package dev.microvm.engine.translate;

import static dev.microvm.engine.decode.Decoded.PREFIX_66;
import static dev.microvm.engine.decode.Decoded.PREFIX_F3;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.exec.simd.CheckedSimd;
import dev.microvm.engine.exec.simd.VexInstructions;
import dev.microvm.engine.exec.simd.VexInstructions.Lanes;
import dev.microvm.engine.exec.simd.XmmSource;
import dev.microvm.engine.simd.FloatImmediateOperation;
import dev.microvm.engine.simd.FloatOperation;
import dev.microvm.engine.simd.PackedImmediateOperation;
import dev.microvm.engine.simd.PackedOperation;
import dev.microvm.engine.simd.XmmFloatOperation;
import dev.microvm.engine.simd.XmmOperation;
import org.jspecify.annotations.Nullable;

/**
 * VEX forms of the instructions of SSE to SSE4.2 and AES. What they compute is in {@link
 * OperationTables}, as for the forms of SSE; one that is not there is the instruction of SSE with
 * another target. {@link AvxOperations} has what AVX added.
 */
final class AvxSelector {
    /** The register whose number is that of the scratch words. */
    private static final int SCRATCH_NUMBER = Cpu.VECTOR_SCRATCH / 2;

    private final Sse4Selector sse4 = new Sse4Selector();

    /** The instruction, or null if there is none. */
    @Nullable
    Instruction select(Decoded d, BlockBuilder block) {
        if (!VexEncoding.exists(d)) return null;
        CheckedSimd instruction = moves(d, block);
        if (instruction == null) instruction = fromTables(d, block);
        if (instruction == null) instruction = AvxOperations.select(d, block);
        if (instruction == null) instruction = form(d, block);
        if (d.mode != CodeMode.BITS_64 && !d.isRegister() && instruction != null) {
            block.precede(new Plain(instruction.needs()::require)); // it comes before the operand's segment
        }
        return instruction;
    }

    /** The register that {@code vvvv} names, as an index of {@link Cpu#xmm}. */
    static int named(Decoded d) {
        return (d.vexRegister & (d.mode == CodeMode.BITS_64 ? 15 : 7)) * 2;
    }

    /** The first of two operands; the target if there is but one. */
    private static int first(Decoded d) {
        return VexEncoding.hasFirstOperand(d) ? named(d) : d.reg * 2;
    }

    // Moves

    private static @Nullable CheckedSimd moves(Decoded d, BlockBuilder block) {
        boolean packed = d.mandatoryPrefix() <= PREFIX_66;
        boolean dqa = d.mandatoryPrefix() == PREFIX_66;
        return switch (d.opcode) {
            case 0x110 -> packed ? load(d, block, false) : null; // VMOVUPS
            case 0x111 -> packed ? store(d, block, false) : null;
            case 0x128 -> load(d, block, true); // VMOVAPS
            case 0x129, 0x12B, 0x1E7 -> store(d, block, true); // VMOVAPS, VMOVNTPS, VMOVNTDQ
            case 0x16F -> load(d, block, dqa); // VMOVDQA, VMOVDQU
            case 0x17F -> store(d, block, dqa);
            case 0x1F0 -> load(d, block, false); // VLDDQU
            case 0x22A -> load(d, block, true); // VMOVNTDQA
            default -> null;
        };
    }

    private static CheckedSimd load(Decoded d, BlockBuilder block, boolean aligned) {
        XmmSource source = block.xmmSource(d, d.vexL ? 32 : 16, aligned);
        return new VexInstructions.Load(d.reg * 2, source, d.vexL);
    }

    private static CheckedSimd store(Decoded d, BlockBuilder block, boolean aligned) {
        if (d.isRegister()) return new VexInstructions.Load(d.rm * 2, XmmSource.register(d.reg), d.vexL);
        int size = d.vexL ? 32 : 16;
        return new VexInstructions.Store(d.reg * 2, block.address(d, size, true), size, aligned);
    }

    // Tables

    private static @Nullable CheckedSimd fromTables(Decoded d, BlockBuilder block) {
        if (d.opcode >= 0x171 && d.opcode <= 0x173) {
            XmmOperation shift = OperationTables.immediateShift(d);
            return shift == null ? null : integers(d, shift, shift, Lanes.EACH, named(d), XmmSource.register(d.rm));
        }
        XmmOperation duplicate = OperationTables.duplicate(d);
        if (duplicate != null) {
            boolean half = d.mandatoryPrefix() != PREFIX_F3 && !d.vexL; // VMOVDDUP
            return integers(d, duplicate, duplicate, Lanes.EACH, d.reg * 2, source(d, block, half ? 8 : 16));
        }
        PackedOperation packed = OperationTables.bitwise(d);
        if (packed == null) packed = OperationTables.packed(d);
        if (packed != null) return packed(d, block, packed);
        PackedImmediateOperation immediate = OperationTables.packedImmediate(d);
        if (immediate != null) return packedImmediate(d, block, immediate);
        FloatOperation floats = OperationTables.floats(d);
        if (floats != null) return floats(d, block, floats);
        FloatImmediateOperation floatsImmediate = OperationTables.floatsImmediate(d);
        return floatsImmediate == null ? null : floatsImmediate(d, block, floatsImmediate);
    }

    /** The ModR/M operand, of a size for each lane. */
    private static XmmSource source(Decoded d, BlockBuilder block, int size) {
        return block.xmmSource(d, VexEncoding.isWide(d) ? 2 * size : size, false);
    }

    /** One whose ModR/M operand has 16 bytes for each lane. */
    static CheckedSimd integers(Decoded d, BlockBuilder block, XmmOperation low, XmmOperation high) {
        return integers(d, low, high, Lanes.EACH, d.reg * 2, source(d, block, 16));
    }

    private static CheckedSimd integers(
            Decoded d, XmmOperation low, XmmOperation high, Lanes lanes, int to, XmmSource source) {
        return VexEncoding.isWide(d)
                ? new VexInstructions.Integers256(low, high, lanes, to, first(d), source)
                : new VexInstructions.Integers128(low, to, first(d), source);
    }

    private static CheckedSimd packed(Decoded d, BlockBuilder block, PackedOperation operation) {
        Lanes lanes = lanes(operation);
        XmmSource source =
                lanes == Lanes.COUNT ? block.xmmSource(d, 16, false) : source(d, block, operation.sourceSize());
        return integers(d, operation.xmm(), operation.xmm(), lanes, d.reg * 2, source);
    }

    private static Lanes lanes(PackedOperation operation) {
        return switch (operation) {
            case PSRLW, PSRLD, PSRLQ, PSRAW, PSRAD, PSLLW, PSLLD, PSLLQ -> Lanes.COUNT;
            default ->
                switch (operation.sourceSize()) {
                    case 8 -> Lanes.WIDEN_8;
                    case 4 -> Lanes.WIDEN_4;
                    case 2 -> Lanes.WIDEN_2;
                    default -> Lanes.EACH;
                };
        };
    }

    private static CheckedSimd packedImmediate(Decoded d, BlockBuilder block, PackedImmediateOperation operation) {
        boolean insertsMemory = operation == PackedImmediateOperation.INSERTPS && !d.isRegister();
        int low = (int) d.immediate & (insertsMemory ? SimdSelector.INSERTPS_WITHOUT_SOURCE : 0xFF);
        int high = operation.ofHighLane(low);
        XmmSource source = source(d, block, insertsMemory ? 4 : 16);
        return integers(d, operation.with(low), operation.with(high), Lanes.EACH, d.reg * 2, source);
    }

    private static CheckedSimd floats(Decoded d, BlockBuilder block, FloatOperation operation) {
        Lanes lanes = switch (operation) {
            case CVTPS2PD, CVTDQ2PD -> Lanes.WIDEN_8;
            case CVTPD2PS, CVTPD2DQ, CVTTPD2DQ -> Lanes.NARROW;
            default -> Lanes.EACH;
        };
        XmmSource source = source(d, block, OperationTables.sourceSize(operation, d.mandatoryPrefix()));
        return floats(d, operation.operation(), lanes, source);
    }

    private static CheckedSimd floatsImmediate(Decoded d, BlockBuilder block, FloatImmediateOperation operation) {
        int immediate = (int) d.immediate & 0xFF;
        XmmSource source = source(d, block, OperationTables.sourceSize(operation, d));
        return floats(d, operation.with(immediate), Lanes.EACH, source);
    }

    private static CheckedSimd floats(Decoded d, XmmFloatOperation operation, Lanes lanes, XmmSource source) {
        return VexEncoding.isWide(d)
                ? new VexInstructions.Floats256(operation, lanes, d.reg * 2, first(d), source)
                : new VexInstructions.Floats128(operation, d.reg * 2, first(d), source);
    }

    // Other instructions of SSE, of 128 bits

    private @Nullable CheckedSimd form(Decoded d, BlockBuilder block) {
        d.rexW &= d.mode == CodeMode.BITS_64; // means nothing there: Intel SDM vol. 2, MOVD/MOVQ and the like
        int target = -1;
        int first = first(d);
        if (targetIsReg(d)) {
            target = d.reg * 2;
            d.reg = SCRATCH_NUMBER;
        } else if (targetIsRm(d)) {
            target = d.rm * 2;
            d.rm = SCRATCH_NUMBER;
        }
        Instruction legacy = legacy(d, block);
        if (!(legacy instanceof CheckedSimd checked)) return null;
        boolean intoXmm0 = d.opcode == 0x360 || d.opcode == 0x362; // VPCMPESTRM, VPCMPISTRM
        return intoXmm0
                ? VexInstructions.Form.intoXmm0(checked, d.start, d.end)
                : new VexInstructions.Form(checked, target, first, d.start, d.end);
    }

    private @Nullable Instruction legacy(Decoded d, BlockBuilder block) {
        if (d.opcode >= 0x300) return sse4.select(d, block);
        if (d.opcode == 0x1AE) return ExtendedStateSelector.mxcsr(d, block);
        Instruction move = SimdMoveSelector.select(d, block);
        return move != null ? move : SimdMixedSelector.select(d, block);
    }

    /** Whether the {@code reg} field is a vector register that is written. */
    private static boolean targetIsReg(Decoded d) {
        return switch (d.opcode) {
            case 0x110, 0x112, 0x116, 0x12A, 0x16E, 0x1C4, 0x320, 0x322 -> true;
            case 0x17E -> d.mandatoryPrefix() == PREFIX_F3;
            default -> false;
        };
    }

    private static boolean targetIsRm(Decoded d) {
        return d.isRegister() && (d.opcode == 0x111 || d.opcode == 0x1D6);
    }
}
