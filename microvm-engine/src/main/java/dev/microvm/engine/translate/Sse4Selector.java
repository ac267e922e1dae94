package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.simd.PackedInstructions;
import dev.microvm.engine.exec.simd.SimdAction;
import dev.microvm.engine.exec.simd.ToGeneral;
import dev.microvm.engine.exec.simd.XmmMoves;
import dev.microvm.engine.exec.simd.XmmSource;
import dev.microvm.engine.simd.LaneOperation;
import dev.microvm.engine.simd.PackedCompare;
import dev.microvm.engine.simd.PackedShift;
import dev.microvm.engine.simd.PackedShuffle;
import dev.microvm.engine.simd.StringCompare;
import org.jspecify.annotations.Nullable;

/**
 * Of SSSE3 to SSE4.2 what is not in the tables of {@link SimdSelector}: general registers, flags,
 * and XMM0 as a third operand. Intel SDM vol. 2D, tables.
 */
final class Sse4Selector implements Selector {
    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        int prefix = d.mandatoryPrefix();
        if (d.opcode == 0x30F && prefix == Decoded.NO_PREFIX) return alignMmx(d, block);
        if (prefix != Decoded.PREFIX_66) return null;
        return switch (d.opcode) {
            case 0x210 -> blend(d, block, PackedShuffle::pblendvb); // PBLENDVB
            case 0x214 -> blend(d, block, PackedShuffle::blendvps); // BLENDVPS
            case 0x215 -> blend(d, block, PackedShuffle::blendvpd); // BLENDVPD
            case 0x217 -> test(d, block); // PTEST
            case 0x22A ->
                d.isRegister() ? null : new XmmMoves.Load(d.reg * 2, block.xmmSource(d, 16, true)); // MOVNTDQA
            case 0x314 -> extract(d, block, 1); // PEXTRB
            case 0x315 -> extract(d, block, 2); // PEXTRW
            case 0x316 -> extract(d, block, d.rexW ? 8 : 4); // PEXTRD, PEXTRQ
            case 0x317 -> extract(d, block, 4); // EXTRACTPS
            case 0x320 -> insert(d, block, 1); // PINSRB
            case 0x322 -> insert(d, block, d.rexW ? 8 : 4); // PINSRD, PINSRQ
            case 0x360, 0x361, 0x362, 0x363 -> compareStrings(d, block); // PCMPESTRM, PCMPESTRI, PCMPISTRM, PCMPISTRI
            default -> null;
        };
    }

    /** What one does with either half: destination, source and mask, which is XMM0. */
    @FunctionalInterface
    private interface Blend {
        long apply(long a, long b, long mask);
    }

    private static Instruction blend(Decoded d, BlockBuilder block, Blend blend) {
        int to = d.reg * 2;
        XmmSource source = block.xmmSource(d, 16, true);
        return SimdAction.sse((cpu, xmm, at) -> {
            long low = source.low(cpu, at);
            long high = source.high(cpu, at);
            long maskHigh = xmm[1];
            xmm[to] = blend.apply(xmm[to], low, xmm[0]);
            xmm[to + 1] = blend.apply(xmm[to + 1], high, maskHigh);
        });
    }

    /** PTEST. */
    private static Instruction test(Decoded d, BlockBuilder block) {
        int left = d.reg * 2;
        XmmSource source = block.xmmSource(d, 16, true);
        return SimdAction.sse((cpu, xmm, at) -> {
            long low = source.low(cpu, at);
            long high = source.high(cpu, at);
            boolean zero = PackedCompare.ptestZero(xmm[left], xmm[left + 1], low, high);
            boolean carry = PackedCompare.ptestCarry(xmm[left], xmm[left + 1], low, high);
            Flags.arithmetic(cpu, (zero ? Flags.ZF : 0) | (carry ? Flags.CF : 0));
        });
    }

    /** PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS: a register is written whole. */
    private static Instruction extract(Decoded d, BlockBuilder block, int size) {
        int from = d.reg * 2;
        int index = (int) d.immediate & 0xFF;
        LaneOperation extract = (low, high) -> PackedShuffle.extract(low, high, index, size * Byte.SIZE);
        if (d.isRegister()) return ToGeneral.of(extract, from, Operand.register(d.rm, Math.max(size, 4)));
        Operand target = block.target(d, size);
        return SimdAction.sse((cpu, xmm, at) -> target.write(cpu, extract.apply(xmm[from], xmm[from + 1]), at));
    }

    /** PINSRB, PINSRD, PINSRQ. */
    private static Instruction insert(Decoded d, BlockBuilder block, int size) {
        int to = d.reg * 2;
        int index = (int) d.immediate & 0xFF;
        Operand source = d.isRegister() ? Operand.register(d.rm, Math.max(size, 4)) : block.source(d, size);
        return SimdAction.sse(
                (cpu, xmm, at) -> PackedShuffle.insert(xmm, to, source.read(cpu, at), index, size * Byte.SIZE));
    }

    /** PALIGNR on MMX registers. */
    private static Instruction alignMmx(Decoded d, BlockBuilder block) {
        int count = (int) d.immediate & 0xFF;
        LaneOperation align = (a, b) -> PackedShift.palignr(a, b, count);
        return new PackedInstructions.Mmx(align, d.reg & 7, block.mmxSource(d, 8));
    }

    /** PCMPESTRM, PCMPESTRI, PCMPISTRM, PCMPISTRI: memory need not be aligned. */
    private static Instruction compareStrings(Decoded d, BlockBuilder block) {
        int left = d.reg * 2;
        int control = (int) d.immediate & 0xFF;
        boolean explicit = (d.opcode & 2) == 0;
        boolean index = (d.opcode & 1) != 0;
        boolean wide = d.rexW;
        XmmSource source = block.xmmSource(d, 16, false);
        return SimdAction.sse((cpu, xmm, at) -> {
            long low = source.low(cpu, at);
            long high = source.high(cpu, at);
            int result = explicit
                    ? StringCompare.explicit(
                            xmm[left],
                            xmm[left + 1],
                            length(cpu, Cpu.RAX, wide),
                            low,
                            high,
                            length(cpu, Cpu.RDX, wide),
                            control)
                    : StringCompare.implicit(xmm[left], xmm[left + 1], low, high, control);
            if (index) {
                cpu.r[Cpu.RCX] = StringCompare.index(result, control);
            } else {
                StringCompare.mask(xmm, 0, result, control);
            }
            Flags.arithmetic(cpu, flagsOf(result));
        });
    }

    private static long length(Cpu cpu, int register, boolean wide) {
        return wide ? cpu.r[register] : (int) cpu.r[register];
    }

    private static int flagsOf(int result) {
        return ((result & StringCompare.CARRY) != 0 ? Flags.CF : 0)
                | ((result & StringCompare.ZERO) != 0 ? Flags.ZF : 0)
                | ((result & StringCompare.SIGN) != 0 ? Flags.SF : 0)
                | ((result & StringCompare.OVERFLOW) != 0 ? Flags.OF : 0);
    }
}
