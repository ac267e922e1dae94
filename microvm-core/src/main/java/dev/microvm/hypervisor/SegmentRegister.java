package dev.microvm.hypervisor;

/**
 * A segment register with the cached part of its descriptor: Intel SDM vol. 3A, 3.4.3 and 3.4.5.
 *
 * @param base linear address
 * @param limit offset of the last byte, in bytes for either granularity
 * @param selector visible part
 * @param type descriptor type, 0 to 15
 * @param present P
 * @param dpl privilege level, 0 to 3
 * @param db D/B: 32-bit default
 * @param codeOrData whether it is a code or data segment: the S bit
 * @param longMode L: 64-bit code
 * @param granularity G
 * @param available AVL
 * @param unusable whether it holds the null selector
 */
public record SegmentRegister(
        long base,
        int limit,
        int selector,
        int type,
        boolean present,
        int dpl,
        boolean db,
        boolean codeOrData,
        boolean longMode,
        boolean granularity,
        boolean available,
        boolean unusable) {
    /** Descriptor type of a code segment that is executable, readable and accessed. */
    public static final int TYPE_CODE = 0xB;

    /** Descriptor type of a data segment that is writable and accessed. */
    public static final int TYPE_DATA = 0x3;

    /** Descriptor type of a busy 32- or 64-bit task-state segment. */
    public static final int TYPE_TSS_BUSY = 0xB;

    /** Descriptor type of a local descriptor table. */
    public static final int TYPE_LDT = 0x2;

    /** Returns a real-mode segment of 64 KiB: {@code base = selector * 16}. */
    public static SegmentRegister realMode(int selector, int type) {
        return new SegmentRegister(
                (long) selector << 4, 0xFFFF, selector, type, true, 0, false, true, false, false, false, false);
    }

    /** Returns a flat 4 GiB segment of 32-bit code or data. */
    public static SegmentRegister flat32(int selector, int type) {
        return new SegmentRegister(0, 0xFFFF_FFFF, selector, type, true, 0, true, true, false, true, false, false);
    }

    /** Returns a segment of 64-bit code. */
    public static SegmentRegister code64(int selector) {
        return new SegmentRegister(0, 0xFFFF_FFFF, selector, TYPE_CODE, true, 0, false, true, true, true, false, false);
    }

    /** Returns a task-state segment or local descriptor table. */
    public static SegmentRegister systemSegment(int selector, int type, long base, int limit) {
        return new SegmentRegister(base, limit, selector, type, true, 0, false, false, false, false, false, false);
    }
}
