package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Cpu;

/**
 * VMASKMOVPx and VPMASKMOVx: elements whose mask is negative, from or to memory. Those that the
 * mask leaves out are not accessed; loaded, they are 0. Registers are given as indexes of their low
 * halves in {@link Cpu#xmm}.
 */
public final class MaskedMove extends CheckedSimd {
    private static final int HIGH = Cpu.YMM_HIGH;
    private static final int SCRATCH = Cpu.VECTOR_SCRATCH;

    private final boolean stores;
    private final int register;
    private final int mask;
    private final ElementAddress address;
    private final int bytes;
    private final int count;

    /** Makes one of {@code count} elements of {@code bytes} bytes. */
    public MaskedMove(boolean stores, int register, int mask, ElementAddress address, int bytes, int count) {
        super(SimdAvailability.AVX);
        this.stores = stores;
        this.register = register;
        this.mask = mask;
        this.address = address;
        this.bytes = bytes;
        this.count = count;
    }

    @Override
    protected void work(Cpu cpu, long[] xmm) {
        if (stores) {
            store(cpu, xmm);
        } else {
            load(cpu, xmm);
        }
    }

    private static int word(int number) {
        return (number & 1) + (number >> 1) * HIGH;
    }

    /** Bit of its word where an element begins. */
    private int shift(int element) {
        return element * bytes % Long.BYTES * Byte.SIZE;
    }

    private int wordOf(int element) {
        return element * bytes / Long.BYTES;
    }

    private boolean isChosen(long[] xmm, int element) {
        int unused = Long.SIZE - bytes * Byte.SIZE - shift(element);
        return xmm[mask + word(wordOf(element))] << unused < 0;
    }

    private void load(Cpu cpu, long[] xmm) {
        for (int i = 0; i < 4; i++) xmm[SCRATCH + i] = 0;
        for (int i = 0; i < count; i++) {
            if (!isChosen(xmm, i)) continue;
            long linear = address.linear(cpu, (long) i * bytes, bytes, false, this);
            xmm[SCRATCH + wordOf(i)] |= cpu.mmu.load(linear, bytes, this) << shift(i);
        }
        for (int i = 0; i < 4; i++) xmm[register + word(i)] = xmm[SCRATCH + i];
    }

    /** All that are stored can be, or none is. */
    private void store(Cpu cpu, long[] xmm) {
        for (int i = 0; i < count; i++) {
            if (isChosen(xmm, i)) cpu.mmu.probeWrite(linear(cpu, i), bytes, this);
        }
        for (int i = 0; i < count; i++) {
            if (!isChosen(xmm, i)) continue;
            cpu.mmu.store(linear(cpu, i), xmm[register + word(wordOf(i))] >>> shift(i), bytes, this);
        }
    }

    private long linear(Cpu cpu, int element) {
        return address.linear(cpu, (long) element * bytes, bytes, true, this);
    }
}
