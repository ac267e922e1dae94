package dev.microvm.engine.cpu;

import dev.microvm.hypervisor.SegmentRegister;

/**
 * A segment register with its hidden part. The base of ES to GS is in {@link Cpu#r} as well, where
 * addresses are made.
 *
 * <p>Source: Intel SDM vol. 3A, 3.4.3 and 3.4.5.
 */
public final class Segment {
    // Bits of a descriptor's second double word: Intel SDM vol. 3A, figure 3-8
    static final int TYPE_SHIFT = 8;
    static final int TYPE = 0xF << TYPE_SHIFT;
    static final int ACCESSED = 1 << 8;
    static final int WRITABLE_OR_READABLE = 1 << 9;
    static final int EXPAND_DOWN_OR_CONFORMING = 1 << 10;
    static final int CODE = 1 << 11;
    static final int CODE_OR_DATA = 1 << 12; // S
    static final int DPL_SHIFT = 13;
    static final int PRESENT = 1 << 15;
    static final int AVAILABLE = 1 << 20;
    static final int LONG = 1 << 21; // L
    static final int DEFAULT_32 = 1 << 22; // D/B
    static final int GRANULARITY = 1 << 23;

    public int selector;
    public long base;

    /** Offset of the last byte, 0 to 0xffffffff. */
    public long limit;

    /** The attributes as in a descriptor's second double word. */
    public int attributes;

    /** Whether it was loaded with something that can be used: not so after a null selector. */
    public boolean usable;

    Segment() {}

    /** Takes what a descriptor says. */
    void load(int newSelector, long descriptor) {
        selector = newSelector;
        attributes = (int) (descriptor >>> 32) & 0x00F0_FF00;
        base = baseOf(descriptor);
        limit = limitOf(descriptor);
        usable = true;
    }

    /** Takes a null selector. */
    void loadNull(int newSelector) {
        selector = newSelector;
        base = 0;
        limit = 0;
        attributes = 0;
        usable = false;
    }

    /**
     * Makes the selector null and the segment unusable, as a return to an outer level does. What
     * was loaded before stays in the hidden part.
     */
    void invalidate() {
        selector = 0;
        usable = false;
    }

    static long baseOf(long descriptor) {
        return (descriptor >>> 16 & 0xFF_FFFF) | (descriptor >>> 56 << 24);
    }

    static long limitOf(long descriptor) {
        long limit = (descriptor & 0xFFFF) | (descriptor >>> 32 & 0xF_0000);
        return (descriptor >>> 32 & GRANULARITY) != 0 ? limit << 12 | 0xFFF : limit;
    }

    static int dplOf(int attributes) {
        return attributes >> DPL_SHIFT & 3;
    }

    /** Privilege level of the descriptor. */
    int dpl() {
        return dplOf(attributes);
    }

    boolean isCode() {
        return (attributes & CODE) != 0;
    }

    /** D or B: 32-bit by default. */
    public boolean is32() {
        return (attributes & DEFAULT_32) != 0;
    }

    boolean isLong() {
        return (attributes & LONG) != 0;
    }

    /** Whether bytes may be written: data, not read-only. */
    public boolean writable() {
        return (attributes & (CODE | WRITABLE_OR_READABLE)) == WRITABLE_OR_READABLE;
    }

    /** Whether bytes may be read: data, or readable code. */
    boolean readable() {
        return (attributes & (CODE | WRITABLE_OR_READABLE)) != CODE;
    }

    /** Whether {@code size} bytes at an offset are inside. */
    boolean contains(long offset, int size) {
        long last = offset + size - 1;
        if ((attributes & (CODE | EXPAND_DOWN_OR_CONFORMING)) == EXPAND_DOWN_OR_CONFORMING) {
            return offset > limit && last <= (is32() ? 0xFFFF_FFFFL : 0xFFFF);
        }
        return last <= limit;
    }

    /** Sets it from a record of the SPI. */
    public void set(SegmentRegister from) {
        selector = from.selector();
        base = from.base();
        limit = Integer.toUnsignedLong(from.limit());
        attributes = from.type() << TYPE_SHIFT
                | (from.codeOrData() ? CODE_OR_DATA : 0)
                | from.dpl() << DPL_SHIFT
                | (from.present() ? PRESENT : 0)
                | (from.available() ? AVAILABLE : 0)
                | (from.longMode() ? LONG : 0)
                | (from.db() ? DEFAULT_32 : 0)
                | (from.granularity() ? GRANULARITY : 0);
        usable = !from.unusable();
    }

    /** As a record of the SPI. */
    public SegmentRegister get() {
        return new SegmentRegister(
                base,
                (int) limit,
                selector,
                (attributes & TYPE) >> TYPE_SHIFT,
                (attributes & PRESENT) != 0,
                dpl(),
                (attributes & DEFAULT_32) != 0,
                (attributes & CODE_OR_DATA) != 0,
                (attributes & LONG) != 0,
                (attributes & GRANULARITY) != 0,
                (attributes & AVAILABLE) != 0,
                !usable);
    }
}
