package dev.microvm.engine.translate;

import static dev.microvm.engine.decode.Decoded.NO_PREFIX;
import static dev.microvm.engine.decode.Decoded.PREFIX_66;
import static dev.microvm.engine.decode.Decoded.PREFIX_F2;
import static dev.microvm.engine.decode.Decoded.PREFIX_F3;

import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.simd.MmxSource;
import dev.microvm.engine.exec.simd.Scalars;
import dev.microvm.engine.exec.simd.SimdAction;
import dev.microvm.engine.exec.simd.ToGeneral;
import dev.microvm.engine.exec.simd.XmmSource;
import dev.microvm.engine.simd.FloatCompare;
import dev.microvm.engine.simd.FloatConvert;
import dev.microvm.engine.simd.LaneOperation;
import dev.microvm.engine.simd.Mxcsr;
import dev.microvm.engine.simd.PackedCompare;
import dev.microvm.engine.simd.PackedMultiply;
import dev.microvm.engine.simd.PackedShuffle;
import dev.microvm.engine.simd.XmmFloatOperation.Of64;
import org.jspecify.annotations.Nullable;

/**
 * Instructions of MMX and SSE with registers of two kinds, general, MMX or XMM, and those that
 * leave flags: conversions, comparisons, and masks and words in general registers. Intel SDM vol.
 * 2D, table A-3.
 */
final class SimdMixedSelector {
    private static final long HIGH_FLOAT = 0xFFFF_FFFF_0000_0000L;

    private SimdMixedSelector() {}

    /** The instruction of an opcode after 0F, or null. */
    static @Nullable Instruction select(Decoded d, BlockBuilder block) {
        int prefix = d.mandatoryPrefix();
        boolean isDouble = prefix == PREFIX_66 || prefix == PREFIX_F2;
        boolean scalar = prefix >= PREFIX_F3;
        return switch (d.opcode & 0xFF) {
            case 0x2A -> scalar ? fromInteger(d, block, isDouble) : fromMmx(d, block, isDouble); // CVTSI2SS, CVTPI2PS
            case 0x2C -> toIntegers(d, block, scalar, isDouble, true); // CVTTSS2SI, CVTTPS2PI
            case 0x2D -> toIntegers(d, block, scalar, isDouble, false); // CVTSS2SI, CVTPS2PI
            case 0x2E -> scalar ? null : compare(d, block, isDouble, true); // UCOMISS, UCOMISD
            case 0x2F -> scalar ? null : compare(d, block, isDouble, false); // COMISS, COMISD
            case 0x50 -> d.isRegister() && !scalar ? signs(d, prefix) : null; // MOVMSKPS, MOVMSKPD
            case 0xC4 -> scalar ? null : insertWord(d, block, prefix); // PINSRW
            case 0xC5 -> d.isRegister() && !scalar ? extractWord(d, prefix) : null; // PEXTRW
            case 0xD7 -> d.isRegister() && !scalar ? byteSigns(d, prefix) : null; // PMOVMSKB
            default -> null;
        };
    }

    // Words and masks in general registers

    private static Instruction signs(Decoded d, int prefix) {
        LaneOperation signs = prefix == NO_PREFIX ? PackedCompare::movmskps : PackedCompare::movmskpd;
        return ToGeneral.of(signs, d.rm * 2, Operand.register(d.reg, 4));
    }

    private static Instruction byteSigns(Decoded d, int prefix) {
        int from = d.rm * 2;
        int mm = d.rm & 7;
        Operand target = Operand.register(d.reg, 4);
        if (prefix == NO_PREFIX) {
            return SimdAction.mmx((cpu, xmm, at) -> {
                target.write(cpu, PackedCompare.pmovmskb(cpu.fpu.mmx(mm)), at);
                cpu.fpu.enterMmx();
            });
        }
        return ToGeneral.of(PackedCompare::pmovmskb, from, target);
    }

    private static Instruction extractWord(Decoded d, int prefix) {
        int from = d.rm * 2;
        int mm = d.rm & 7;
        int index = wordIndex(d, prefix);
        Operand target = Operand.register(d.reg, 4);
        if (prefix == NO_PREFIX) {
            return SimdAction.mmx((cpu, xmm, at) -> {
                target.write(cpu, (cpu.fpu.mmx(mm) >>> (index * 16)) & 0xFFFF, at);
                cpu.fpu.enterMmx();
            });
        }
        return ToGeneral.of((low, high) -> PackedShuffle.extract(low, high, index, 16), from, target);
    }

    private static Instruction insertWord(Decoded d, BlockBuilder block, int prefix) {
        int to = d.reg * 2;
        int mm = d.reg & 7;
        int index = wordIndex(d, prefix);
        Operand source = d.isRegister() ? Operand.register(d.rm, 4) : block.source(d, 2);
        if (prefix == NO_PREFIX) {
            return SimdAction.mmx((cpu, xmm, at) -> {
                long value = source.read(cpu, at);
                cpu.fpu.enterMmx();
                cpu.fpu.mmx(mm, PackedShuffle.insert(cpu.fpu.mmx(mm), value, index * 16, 16));
            });
        }
        return SimdAction.sse((cpu, xmm, at) -> PackedShuffle.insert(xmm, to, source.read(cpu, at), index, 16));
    }

    /** Of the four words of an MMX register, or the eight of an XMM register. */
    private static int wordIndex(Decoded d, int prefix) {
        return (int) d.immediate & (prefix == NO_PREFIX ? 3 : 7);
    }

    // Conversions

    private static Instruction fromInteger(Decoded d, BlockBuilder block, boolean isDouble) {
        int size = d.rexW ? 8 : 4;
        Of64 conversion = isDouble
                ? size == 4
                        ? (value, old, m) -> FloatConvert.doubleOf((int) value)
                        : (value, old, m) -> FloatConvert.doubleOf(value, m)
                : (value, old, m) -> (old & HIGH_FLOAT) | (FloatConvert.floatOf(value, m) & ~HIGH_FLOAT);
        return new Scalars.FromInteger(conversion, d.reg * 2, block.source(d, size), size);
    }

    private static Instruction toIntegers(
            Decoded d, BlockBuilder block, boolean scalar, boolean isDouble, boolean truncate) {
        return scalar ? toInteger(d, block, isDouble, truncate) : toMmx(d, block, isDouble, truncate);
    }

    private static Instruction toInteger(Decoded d, BlockBuilder block, boolean isDouble, boolean truncate) {
        boolean wide = d.rexW;
        Of64 conversion = isDouble
                ? wide
                        ? (bits, same, m) -> FloatConvert.toInt64(bits, truncate, m)
                        : (bits, same, m) -> FloatConvert.toInt32(bits, truncate, m)
                : wide
                        ? (bits, same, m) -> FloatConvert.toInt64((int) bits, truncate, m)
                        : (bits, same, m) -> FloatConvert.toInt32((int) bits, truncate, m);
        XmmSource source = block.xmmSource(d, isDouble ? 8 : 4, false);
        return new Scalars.ToInteger(conversion, Operand.register(d.reg, wide ? 8 : 4), source);
    }

    private static Instruction fromMmx(Decoded d, BlockBuilder block, boolean isDouble) {
        int to = d.reg * 2;
        MmxSource source = block.mmxSource(d, 8);
        if (isDouble) { // exact, so that nothing needs to be committed
            SimdAction.Work work = (cpu, xmm, at) -> {
                long value = source.read(cpu, at);
                if (source.isRegister()) cpu.fpu.enterMmx();
                xmm[to] = FloatConvert.doubleOf((int) value);
                xmm[to + 1] = FloatConvert.doubleOf((int) (value >> Integer.SIZE));
            };
            return source.isRegister() ? SimdAction.sseAndMmx(work) : SimdAction.sse(work);
        }
        return SimdAction.sseAndMmx((cpu, xmm, at) -> {
            long value = source.read(cpu, at);
            cpu.fpu.enterMmx();
            Mxcsr m = cpu.mxcsr;
            int low = FloatConvert.floatOf((int) value, m);
            long result = PackedMultiply.pair(low, FloatConvert.floatOf((int) (value >> Integer.SIZE), m));
            at.commit(cpu);
            xmm[to] = result;
        });
    }

    private static Instruction toMmx(Decoded d, BlockBuilder block, boolean isDouble, boolean truncate) {
        int to = d.reg & 7;
        XmmSource source = block.xmmSource(d, isDouble ? 16 : 8, true);
        return SimdAction.sseAndMmx((cpu, xmm, at) -> {
            long low = source.low(cpu, at);
            long high = source.high(cpu, at);
            cpu.fpu.enterMmx(); // even if what follows raises #XM
            Mxcsr m = cpu.mxcsr;
            int first;
            int second;
            if (isDouble) {
                first = FloatConvert.toInt32(low, truncate, m);
                second = FloatConvert.toInt32(high, truncate, m);
            } else {
                first = FloatConvert.toInt32((int) low, truncate, m);
                second = FloatConvert.toInt32((int) (low >> Integer.SIZE), truncate, m);
            }
            at.commit(cpu);
            cpu.fpu.mmx(to, PackedMultiply.pair(first, second));
        });
    }

    // Comparisons that leave flags

    private static Instruction compare(Decoded d, BlockBuilder block, boolean isDouble, boolean quiet) {
        Of64 order = isDouble
                ? (a, b, m) -> FloatCompare.order(a, b, quiet, m)
                : (a, b, m) -> FloatCompare.order((int) a, (int) b, quiet, m);
        return new Scalars.Compare(order, d.reg * 2, block.xmmSource(d, isDouble ? 8 : 4, false));
    }
}
