package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;

/** A vector register whose elements are all the same one: VPBROADCASTB, W, D and Q, VBROADCASTSS and SD. */
public final class Broadcast extends EmittedSimd {
    private final int to;
    private final XmmSource source;
    private final long element; // its bits
    private final long ones; // the lowest bit of each element of a word
    private final boolean wide;

    /**
     * Makes one.
     *
     * @param to index of the low half of the target
     * @param source whose lowest element is taken
     * @param size bytes of an element
     * @param wide whether the target has 256 bits; of 128 bits the upper half is cleared
     */
    public Broadcast(int to, XmmSource source, int size, boolean wide) {
        super(SimdAvailability.AVX);
        this.to = to;
        this.source = source;
        this.element = -1L >>> (Long.SIZE - size * Byte.SIZE);
        this.ones = Long.divideUnsigned(-1, element);
        this.wide = wide;
    }

    @Override
    protected void work(Cpu cpu, long[] xmm) {
        long value = (source.word(cpu, this, 0) & element) * ones;
        long high = wide ? value : 0;
        xmm[to] = value;
        xmm[to + 1] = value;
        xmm[to + Cpu.YMM_HIGH] = high;
        xmm[to + Cpu.YMM_HIGH + 1] = high;
    }

    @Override
    protected void emitWork(Code code) {
        int word = source.emitWord(code, source.emitHost(code), 0);
        int value = code.kept(word)
                .constant(element)
                .and()
                .constant(ones)
                .multiply()
                .keep();
        int high = wide ? value : code.constant(0).keep();
        code.kept(value).setXmm(to);
        code.kept(value).setXmm(to + 1);
        code.kept(high).setXmm(to + Cpu.YMM_HIGH);
        code.kept(high).setXmm(to + Cpu.YMM_HIGH + 1);
    }
}
