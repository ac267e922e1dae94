package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.simd.FusedMultiply;
import dev.microvm.engine.simd.Mxcsr;

/**
 * FMA: a product of two of three operands, and a sum, rounded once. Registers are given as indexes
 * of their low halves in {@link Cpu#xmm}.
 */
public final class Fused extends CheckedSimd {
    private static final int HIGH = Cpu.YMM_HIGH;
    private static final int SCRATCH = Cpu.VECTOR_SCRATCH;
    private static final long LOW_32 = 0xFFFF_FFFFL;

    /** Which operands are multiplied, by their numbers; the remaining one is added. */
    public enum Order {
        MULTIPLY_1_3,
        MULTIPLY_2_1,
        MULTIPLY_2_3
    }

    /** Which signs change: of the product, and of the addend of even and of odd elements. */
    public record Signs(boolean product, boolean even, boolean odd) {}

    private final Order order;
    private final Signs signs;
    private final boolean isDouble;
    private final int bits; // 32 or 64 of a scalar, 128, 256
    private final int to;
    private final int second;
    private final XmmSource third;

    public Fused(Order order, Signs signs, boolean isDouble, int bits, int to, int second, XmmSource third) {
        super(SimdAvailability.AVX);
        this.order = order;
        this.signs = signs;
        this.isDouble = isDouble;
        this.bits = bits;
        this.to = to;
        this.second = second;
        this.third = third;
    }

    @Override
    protected void work(Cpu cpu, long[] xmm) {
        int words = Math.max(bits / Long.SIZE, 1);
        for (int i = 0; i < words; i++) xmm[SCRATCH + i] = third.word(cpu, this, i);
        for (int i = 0; i < words; i++) {
            int at = (i & 1) + (i >> 1) * HIGH;
            xmm[SCRATCH + i] = word(xmm[to + at], xmm[second + at], xmm[SCRATCH + i], i, cpu.mxcsr);
        }
        if (!cpu.mxcsr.commit()) throw unmasked(cpu);
        xmm[to] = xmm[SCRATCH];
        if (words > 1) xmm[to + 1] = xmm[SCRATCH + 1];
        xmm[to + HIGH] = words > 2 ? xmm[SCRATCH + 2] : 0;
        xmm[to + HIGH + 1] = words > 2 ? xmm[SCRATCH + 3] : 0;
    }

    private long word(long one, long two, long three, int index, Mxcsr m) {
        return switch (order) {
            case MULTIPLY_1_3 -> word(one, three, two, one, index, m);
            case MULTIPLY_2_1 -> word(two, one, three, one, index, m);
            case MULTIPLY_2_3 -> word(two, three, one, one, index, m);
        };
    }

    /** Eight bytes of the result; of a scalar of 4 the others are as {@code before}. */
    private long word(long a, long b, long c, long before, int index, Mxcsr m) {
        boolean product = signs.product();
        if (isDouble) {
            return FusedMultiply.of64(a, b, c, product, (index & 1) == 0 ? signs.even() : signs.odd(), m);
        }
        long low = FusedMultiply.of32((int) a, (int) b, (int) c, product, signs.even(), m) & LOW_32;
        if (bits == Integer.SIZE) return (before & ~LOW_32) | low;
        int high = FusedMultiply.of32((int) (a >> 32), (int) (b >> 32), (int) (c >> 32), product, signs.odd(), m);
        return (long) high << Integer.SIZE | low;
    }
}
