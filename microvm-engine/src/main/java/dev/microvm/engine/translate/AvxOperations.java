package dev.microvm.engine.translate;

import static dev.microvm.engine.simd.XmmOperation.lanes;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Feature;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.simd.Broadcast;
import dev.microvm.engine.exec.simd.CheckedSimd;
import dev.microvm.engine.exec.simd.ElementAddress;
import dev.microvm.engine.exec.simd.Fused;
import dev.microvm.engine.exec.simd.Gather;
import dev.microvm.engine.exec.simd.SimdAction;
import dev.microvm.engine.exec.simd.ToGeneral;
import dev.microvm.engine.exec.simd.VexInstructions;
import dev.microvm.engine.exec.simd.XmmSource;
import dev.microvm.engine.simd.PackedCompare;
import dev.microvm.engine.simd.PackedPermute;
import dev.microvm.engine.simd.PackedShuffle;
import dev.microvm.engine.simd.XmmOperation;
import org.jspecify.annotations.Nullable;

/**
 * What AVX, AVX2 and FMA added to SSE, and 256-bit forms that have another result than vector
 * registers. {@link AvxMemory} has those that access memory by a mask, and F16C.
 */
final class AvxOperations {
    private static final int HIGH = Cpu.YMM_HIGH;
    private static final long SIGNS_32 = 0x8000_0000_8000_0000L;

    private AvxOperations() {}

    /** The instruction, or null if it is no such. */
    static @Nullable CheckedSimd select(Decoded d, BlockBuilder block) {
        if (VexEncoding.feature(d) == Feature.FMA) return fused(d, block);
        int immediate = (int) d.immediate & 0xFF;
        return switch (d.opcode) {
            case 0x150, 0x1D7 -> d.vexL ? signs(d) : null; // VMOVMSKPS, VPMOVMSKB
            case 0x177 ->
                new VexInstructions.Clear(d.vexL, d.mode == CodeMode.BITS_64 ? 16 : 8); // VZEROUPPER, VZEROALL
            case 0x20C -> both(d, block, PackedPermute::permilps);
            case 0x20D -> both(d, block, PackedPermute::permilpd);
            case 0x20E -> test(d, block, SIGNS_32); // VTESTPS
            case 0x20F -> test(d, block, Long.MIN_VALUE); // VTESTPD
            case 0x216, 0x236 -> permuteFloats(d, block); // VPERMPS, VPERMD
            case 0x217 -> test(d, block, -1); // VPTEST
            case 0x218, 0x258 -> broadcast(d, block, 4); // VBROADCASTSS, VPBROADCASTD
            case 0x219, 0x259 -> broadcast(d, block, 8); // VBROADCASTSD, VPBROADCASTQ
            case 0x21A, 0x25A -> broadcastLane(d, block); // VBROADCASTF128
            case 0x278 -> broadcast(d, block, 1); // VPBROADCASTB
            case 0x279 -> broadcast(d, block, 2); // VPBROADCASTW
            case 0x245 -> both(d, block, lanes(d.rexW ? PackedPermute::psrlvq : PackedPermute::psrlvd));
            case 0x246 -> both(d, block, lanes(PackedPermute::psravd));
            case 0x247 -> both(d, block, lanes(d.rexW ? PackedPermute::psllvq : PackedPermute::psllvd));
            case 0x290, 0x291, 0x292, 0x293 -> gather(d, block);
            case 0x300, 0x301 -> permuteDoubles(d, block, immediate); // VPERMQ, VPERMPD
            case 0x302 -> // VPBLENDD
                immediate(d, block, PackedShuffle::blendps, immediate, immediate >> 4);
            case 0x304 -> immediate(d, block, PackedShuffle::pshufd, immediate, immediate); // VPERMILPS
            case 0x305 -> immediate(d, block, PackedPermute::permilpd, immediate, immediate >> 2);
            case 0x306, 0x346 -> permuteLanes(d, block, immediate); // VPERM2F128
            case 0x318, 0x338 -> insertLane(d, block, immediate & 1); // VINSERTF128
            case 0x34A -> blend(d, block, PackedShuffle::blendvps);
            case 0x34B -> blend(d, block, PackedShuffle::blendvpd);
            case 0x34C -> blend(d, block, PackedShuffle::pblendvb);
            default -> AvxMemory.select(d, block);
        };
    }

    private static CheckedSimd both(Decoded d, BlockBuilder block, XmmOperation operation) {
        return AvxSelector.integers(d, block, operation, operation);
    }

    /** What takes an immediate. */
    @FunctionalInterface
    private interface ByImmediate {
        void apply(long[] r, int dst, long lo, long hi, int immediate);
    }

    private static CheckedSimd immediate(Decoded d, BlockBuilder block, ByImmediate operation, int low, int high) {
        return AvxSelector.integers(
                d,
                block,
                (r, dst, lo, hi) -> operation.apply(r, dst, lo, hi, low),
                (r, dst, lo, hi) -> operation.apply(r, dst, lo, hi, high));
    }

    private static void set(long[] xmm, int to, long w0, long w1, long w2, long w3) {
        xmm[to] = w0;
        xmm[to + 1] = w1;
        xmm[to + HIGH] = w2;
        xmm[to + HIGH + 1] = w3;
    }

    // Masks and flags

    /** Of 256 bits. */
    private static CheckedSimd signs(Decoded d) {
        int from = d.rm * 2;
        Operand target = Operand.register(d.reg, 4);
        if (d.opcode == 0x1D7) return ToGeneral.ofBoth(PackedCompare::pmovmskb, 16, from, target);
        boolean doubles = d.mandatoryPrefix() == Decoded.PREFIX_66;
        return SimdAction.avx((cpu, xmm, at) -> {
            int low = signs(doubles, xmm[from], xmm[from + 1]);
            int high = signs(doubles, xmm[from + HIGH], xmm[from + HIGH + 1]);
            target.write(cpu, low | high << (doubles ? 2 : 4), at);
        });
    }

    private static int signs(boolean doubles, long low, long high) {
        return doubles ? PackedCompare.movmskpd(low, high) : PackedCompare.movmskps(low, high);
    }

    private static CheckedSimd test(Decoded d, BlockBuilder block, long bits) {
        int left = d.reg * 2;
        boolean wide = d.vexL;
        XmmSource source = block.xmmSource(d, wide ? 32 : 16, false);
        return SimdAction.avx((cpu, xmm, at) -> {
            long common = 0;
            long missing = 0;
            for (int i = 0; i < (wide ? 4 : 2); i++) {
                long a = xmm[left + (i & 1) + (i >> 1) * HIGH];
                long b = source.word(cpu, at, i);
                common |= a & b;
                missing |= ~a & b;
            }
            boolean zero = (common & bits) == 0;
            boolean carry = (missing & bits) == 0;
            Flags.arithmetic(cpu, (zero ? Flags.ZF : 0) | (carry ? Flags.CF : 0));
        });
    }

    // Broadcasts

    private static CheckedSimd broadcast(Decoded d, BlockBuilder block, int size) {
        return new Broadcast(d.reg * 2, block.xmmSource(d, size, false), size, d.vexL);
    }

    private static CheckedSimd broadcastLane(Decoded d, BlockBuilder block) {
        int to = d.reg * 2;
        XmmSource source = block.xmmSource(d, 16, false);
        return SimdAction.avx((cpu, xmm, at) -> {
            long low = source.word(cpu, at, 0);
            long high = source.word(cpu, at, 1);
            set(xmm, to, low, high, low, high);
        });
    }

    // Across lanes

    private static CheckedSimd permuteFloats(Decoded d, BlockBuilder block) {
        int to = d.reg * 2;
        int indexes = AvxSelector.named(d);
        XmmSource source = block.xmmSource(d, 32, false);
        return SimdAction.avx((cpu, xmm, at) -> {
            for (int i = 0; i < 4; i++) xmm[Cpu.VECTOR_SCRATCH + i] = source.word(cpu, at, i);
            long w0 = chosen(xmm, xmm[indexes]);
            long w1 = chosen(xmm, xmm[indexes + 1]);
            long w2 = chosen(xmm, xmm[indexes + HIGH]);
            set(xmm, to, w0, w1, w2, chosen(xmm, xmm[indexes + HIGH + 1]));
        });
    }

    /** Two of the eight elements in the scratch words. */
    private static long chosen(long[] xmm, long indexes) {
        return element(xmm, (int) indexes) | element(xmm, (int) (indexes >> 32)) << 32;
    }

    private static long element(long[] xmm, int index) {
        return xmm[Cpu.VECTOR_SCRATCH + (index >> 1 & 3)] >>> (32 * (index & 1)) & 0xFFFF_FFFFL;
    }

    private static CheckedSimd permuteDoubles(Decoded d, BlockBuilder block, int immediate) {
        int to = d.reg * 2;
        XmmSource source = block.xmmSource(d, 32, false);
        return SimdAction.avx((cpu, xmm, at) -> {
            long w0 = source.word(cpu, at, 0);
            long w1 = source.word(cpu, at, 1);
            long w2 = source.word(cpu, at, 2);
            long w3 = source.word(cpu, at, 3);
            set(
                    xmm,
                    to,
                    oneOf(w0, w1, w2, w3, immediate),
                    oneOf(w0, w1, w2, w3, immediate >> 2),
                    oneOf(w0, w1, w2, w3, immediate >> 4),
                    oneOf(w0, w1, w2, w3, immediate >> 6));
        });
    }

    private static long oneOf(long w0, long w1, long w2, long w3, int index) {
        return switch (index & 3) {
            case 0 -> w0;
            case 1 -> w1;
            case 2 -> w2;
            default -> w3;
        };
    }

    private static CheckedSimd permuteLanes(Decoded d, BlockBuilder block, int immediate) {
        int to = d.reg * 2;
        int first = AvxSelector.named(d);
        XmmSource source = block.xmmSource(d, 32, false);
        return SimdAction.avx((cpu, xmm, at) -> {
            long w0 = source.word(cpu, at, 0);
            long w1 = source.word(cpu, at, 1);
            long w2 = source.word(cpu, at, 2);
            long w3 = source.word(cpu, at, 3);
            long a = lane(xmm[first], xmm[first + HIGH], w0, w2, immediate);
            long b = lane(xmm[first + 1], xmm[first + HIGH + 1], w1, w3, immediate);
            long c = lane(xmm[first], xmm[first + HIGH], w0, w2, immediate >> 4);
            set(xmm, to, a, b, c, lane(xmm[first + 1], xmm[first + HIGH + 1], w1, w3, immediate >> 4));
        });
    }

    private static long lane(long low, long high, long secondLow, long secondHigh, int control) {
        return (control & 8) != 0 ? 0 : oneOf(low, high, secondLow, secondHigh, control);
    }

    private static CheckedSimd insertLane(Decoded d, BlockBuilder block, int lane) {
        int to = d.reg * 2;
        int first = AvxSelector.named(d);
        XmmSource source = block.xmmSource(d, 16, false);
        return SimdAction.avx((cpu, xmm, at) -> {
            long low = source.word(cpu, at, 0);
            long high = source.word(cpu, at, 1);
            if (lane == 0) {
                set(xmm, to, low, high, xmm[first + HIGH], xmm[first + HIGH + 1]);
            } else {
                set(xmm, to, xmm[first], xmm[first + 1], low, high);
            }
        });
    }

    // Three operands

    /** What one does with 64 bits: first and second operand, and mask. */
    @FunctionalInterface
    private interface Blend {
        long apply(long a, long b, long mask);
    }

    private static CheckedSimd blend(Decoded d, BlockBuilder block, Blend blend) {
        int to = d.reg * 2;
        int first = AvxSelector.named(d);
        int mask = ((int) d.immediate >> 4 & (d.mode == CodeMode.BITS_64 ? 15 : 7)) * 2;
        boolean wide = d.vexL;
        XmmSource source = block.xmmSource(d, wide ? 32 : 16, false);
        return SimdAction.avx((cpu, xmm, at) -> {
            int scratch = Cpu.VECTOR_SCRATCH;
            for (int i = 0; i < (wide ? 4 : 2); i++) {
                int word = (i & 1) + (i >> 1) * HIGH;
                xmm[scratch + i] = blend.apply(xmm[first + word], source.word(cpu, at, i), xmm[mask + word]);
            }
            set(xmm, to, xmm[scratch], xmm[scratch + 1], wide ? xmm[scratch + 2] : 0, wide ? xmm[scratch + 3] : 0);
        });
    }

    /** Intel SDM vol. 2, VFMADDxxx to VFNMSUBxxx: the column says what, the row the order. */
    private static CheckedSimd fused(Decoded d, BlockBuilder block) {
        int column = d.opcode & 0xF;
        boolean scalar = column >= 8 && (column & 1) != 0;
        boolean wide = VexEncoding.isWide(d);
        int element = d.rexW ? Long.SIZE : Integer.SIZE;
        int bits = scalar ? element : wide ? 256 : 128;
        Fused.Signs signs = switch (column) {
            case 0x6 -> new Fused.Signs(false, true, false); // VFMADDSUB
            case 0x7 -> new Fused.Signs(false, false, true); // VFMSUBADD
            default -> {
                boolean subtracts = (column & 2) != 0;
                yield new Fused.Signs(column >= 0xC, subtracts, subtracts);
            }
        };
        Fused.Order order = switch (d.opcode >> 4 & 0xF) {
            case 9 -> Fused.Order.MULTIPLY_1_3;
            case 0xA -> Fused.Order.MULTIPLY_2_1;
            default -> Fused.Order.MULTIPLY_2_3;
        };
        XmmSource source = block.xmmSource(d, bits / Byte.SIZE, false);
        return new Fused(order, signs, d.rexW, bits, d.reg * 2, AvxSelector.named(d), source);
    }

    // Gathers

    private static @Nullable CheckedSimd gather(Decoded d, BlockBuilder block) {
        int to = d.reg * 2;
        int mask = AvxSelector.named(d);
        int index = d.index * 2;
        boolean hasIndex = d.index != Decoded.NONE && d.addressSize > 2; // 16-bit addresses have no SIB byte
        boolean addressedByVector = hasIndex && to != mask && to != index && mask != index;
        if (!addressedByVector) return null;
        int bytes = d.rexW ? 8 : 4;
        int indexBytes = (d.opcode & 1) == 0 ? 4 : 8;
        int count = (d.vexL ? 32 : 16) / Math.max(bytes, indexBytes);
        Address offset = block.offset(d);
        Address base = new Address(offset.base(), Cpu.ZERO, 0, offset.displacement());
        ElementAddress elements = new ElementAddress(base, d.segment, BlockBuilder.mask(d));
        Gather.Index by = new Gather.Index(index, indexBytes, d.scale);
        return new Gather(elements, by, bytes, count, to, mask);
    }
}
