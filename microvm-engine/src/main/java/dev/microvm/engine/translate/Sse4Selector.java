package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.simd.LaneOperation;
import dev.microvm.engine.simd.PackedShift;
import dev.microvm.engine.simd.PackedShuffle;
import dev.microvm.engine.simd.StringCompare;
import dev.microvm.engine.translate.SimdSelector.Source;
import org.jspecify.annotations.Nullable;

/**
 * Of SSSE3 to SSE4.2 what is not in the tables of {@link SimdSelector}: general registers, flags, and XMM0 as a third
 * operand. Intel SDM vol. 2D, tables.
 */
final class Sse4Selector implements Selector {
    private static final int NONE = 0;
    private static final int P66 = 1;

    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        int prefix = d.mandatoryPrefix();
        if (d.opcode == 0x30F && prefix == NONE) return alignMmx(d, block);
        if (prefix != P66) return null;
        return switch (d.opcode) {
            case 0x210 -> blend(d, block, PackedShuffle::pblendvb);
            case 0x214 -> blend(d, block, PackedShuffle::blendvps);
            case 0x215 -> blend(d, block, PackedShuffle::blendvpd);
            case 0x217 -> test(d, block);
            case 0x22A -> d.isRegister() ? null : loadAligned(d, block);
            case 0x314 -> extract(d, block, 1);
            case 0x315 -> extract(d, block, 2);
            case 0x316 -> extract(d, block, d.rexW ? 8 : 4);
            case 0x317 -> extract(d, block, 4);
            case 0x320 -> insert(d, block, 1);
            case 0x322 -> insert(d, block, d.rexW ? 8 : 4);
            case 0x360, 0x361, 0x362, 0x363 -> compareStrings(d, block);
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
        Source source = new Source(d, block, 16, true);
        return SimdSelector.sse((cpu, xmm, at) -> {
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
        Source source = new Source(d, block, 16, true);
        return SimdSelector.sse((cpu, xmm, at) -> {
            long low = source.low(cpu, at);
            long high = source.high(cpu, at);
            boolean zero = ((low & xmm[left]) | (high & xmm[left + 1])) == 0;
            boolean carry = ((low & ~xmm[left]) | (high & ~xmm[left + 1])) == 0;
            Flags.arithmetic(cpu, (zero ? Flags.ZF : 0) | (carry ? Flags.CF : 0));
        });
    }

    /** MOVNTDQA. */
    private static Instruction loadAligned(Decoded d, BlockBuilder block) {
        int to = d.reg * 2;
        Source source = new Source(d, block, 16, true);
        return SimdSelector.sse((cpu, xmm, at) -> {
            long low = source.low(cpu, at);
            xmm[to + 1] = source.high(cpu, at);
            xmm[to] = low;
        });
    }

    /** PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS: a register is written whole. */
    private static Instruction extract(Decoded d, BlockBuilder block, int size) {
        int from = d.reg * 2;
        int index = (int) d.immediate & 0xFF;
        Operand target = d.isRegister() ? Operand.register(d.rm, Math.max(size, 4)) : block.target(d, size);
        return SimdSelector.sse((cpu, xmm, at) ->
                target.write(cpu, PackedShuffle.extract(xmm[from], xmm[from + 1], index, size * Byte.SIZE), at));
    }

    /** PINSRB, PINSRD, PINSRQ. */
    private static Instruction insert(Decoded d, BlockBuilder block, int size) {
        int to = d.reg * 2;
        int index = (int) d.immediate & 0xFF;
        Operand source = d.isRegister() ? Operand.register(d.rm, Math.max(size, 4)) : block.source(d, size);
        return SimdSelector.sse(
                (cpu, xmm, at) -> PackedShuffle.insert(xmm, to, source.read(cpu, at), index, size * Byte.SIZE));
    }

    /** PALIGNR on MMX registers. */
    private static Instruction alignMmx(Decoded d, BlockBuilder block) {
        int to = d.reg & 7;
        int from = d.rm & 7;
        int count = (int) d.immediate & 0xFF;
        Operand memory = SimdSelector.mmxMemory(d, block, 8);
        LaneOperation align = (a, b) -> PackedShift.palignr(a, b, count);
        return SimdSelector.mmx((cpu, xmm, at) -> {
            long value = SimdSelector.mmxSource(cpu, from, memory, at);
            cpu.fpu.enterMmx();
            cpu.fpu.mmx(to, align.apply(cpu.fpu.mmx(to), value));
        });
    }

    /** PCMPESTRM, PCMPESTRI, PCMPISTRM, PCMPISTRI: memory need not be aligned. */
    private static Instruction compareStrings(Decoded d, BlockBuilder block) {
        int left = d.reg * 2;
        int control = (int) d.immediate & 0xFF;
        boolean explicit = (d.opcode & 2) == 0;
        boolean index = (d.opcode & 1) != 0;
        boolean wide = d.rexW;
        Source source = new Source(d, block, 16, false);
        return SimdSelector.sse((cpu, xmm, at) -> {
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
