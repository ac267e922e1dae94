package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Cpu;

/**
 * Loads elements from addresses that a vector register has, where a mask says so: VGATHERxxx and
 * VPGATHERxxx. Each element that is loaded takes its bit of the mask away, so that the instruction
 * continues there after a fault. Registers are given as indexes of their low halves in {@link
 * Cpu#xmm}.
 *
 * <p>Source: Intel SDM vol. 2, VGATHERDPS/VGATHERQPS and the like.
 */
public final class Gather extends CheckedSimd {
    private static final int HIGH = Cpu.YMM_HIGH;

    /**
     * What makes the addresses differ.
     *
     * @param register a vector register
     * @param bytes of an index
     * @param scale of it, as a power of two
     */
    public record Index(int register, int bytes, int scale) {}

    private final ElementAddress address;
    private final Index index;
    private final int bytes;
    private final int count;
    private final int to;
    private final int mask;

    /** Makes one of {@code count} elements of {@code bytes} bytes. */
    public Gather(ElementAddress address, Index index, int bytes, int count, int to, int mask) {
        super(SimdAvailability.AVX);
        this.address = address;
        this.index = index;
        this.bytes = bytes;
        this.count = count;
        this.to = to;
        this.mask = mask;
    }

    @Override
    protected void work(Cpu cpu, long[] xmm) {
        for (int i = 0; i < count; i++) {
            if (element(xmm, mask, i, bytes) < 0) {
                long distance = element(xmm, index.register(), i, index.bytes()) << index.scale();
                long linear = address.linear(cpu, distance, bytes, false, this);
                put(xmm, to, i, bytes, cpu.mmu.load(linear, bytes, this));
            }
            put(xmm, mask, i, bytes, 0);
        }
        clearAbove(xmm, to);
        clearAbove(xmm, mask);
    }

    private void clearAbove(long[] xmm, int register) {
        for (int i = count * bytes / Long.BYTES; i < 4; i++) xmm[register + word(i)] = 0;
    }

    private static int word(int number) {
        return (number & 1) + (number >> 1) * HIGH;
    }

    /** An element, sign-extended. */
    private static long element(long[] xmm, int register, int number, int bytes) {
        if (bytes == Long.BYTES) return xmm[register + word(number)];
        return xmm[register + word(number >> 1)] << (32 * (1 - (number & 1))) >> 32;
    }

    private static void put(long[] xmm, int register, int number, int bytes, long value) {
        if (bytes == Long.BYTES) {
            xmm[register + word(number)] = value;
            return;
        }
        int at = register + word(number >> 1);
        int shift = 32 * (number & 1);
        xmm[at] = (xmm[at] & ~(0xFFFF_FFFFL << shift)) | (value & 0xFFFF_FFFFL) << shift;
    }
}
