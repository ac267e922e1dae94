package dev.microvm.engine.cpu;

/**
 * The stacks that the task-state segment holds for inner privilege levels.
 *
 * <p>Source: Intel SDM vol. 3A, 8.2.1, 8.6 and 8.7.
 */
final class TaskState {
    // Figures 8-2, 8-10 and 8-11
    private static final int TSS64_RSP0 = 4;
    private static final int TSS64_IST1 = 0x24;
    private static final int TSS32_ESP0 = 4;
    private static final int TSS16_SP0 = 2;
    private static final int TYPE_IS_32 = 8 << Segment.TYPE_SHIFT;

    private final Cpu cpu;

    TaskState(Cpu cpu) {
        this.cpu = cpu;
    }

    /** RSP of a privilege level, in long mode. */
    long pointer(int level, int external) {
        return read(TSS64_RSP0 + level * 8, 8, external);
    }

    /**
     * A pointer of the interrupt stack table, in long mode.
     *
     * @param number from 1
     */
    long interruptPointer(int number, int external) {
        return read(TSS64_IST1 + (number - 1) * 8, 8, external);
    }

    /**
     * The stack of a privilege level outside of long mode: loads its segment, returns its pointer.
     *
     * @param external the lowest bit of error codes
     */
    long stack(int level, Segment segment, int external) {
        boolean is32 = (cpu.tr.attributes & TYPE_IS_32) != 0;
        int size = is32 ? 4 : 2;
        int offset = is32 ? TSS32_ESP0 + level * 8 : TSS16_SP0 + level * 4;
        long pointer = read(offset, size, external);
        int selector = (int) read(offset + size, size, external) & 0xFFFF;
        int error = (selector & ~SegmentLoader.SELECTOR_RPL) | external;
        if ((selector & ~SegmentLoader.SELECTOR_RPL) == 0) throw cpu.fault(Vectors.TS, external, null);
        if (!cpu.segmentLoader.inTable(selector)) throw cpu.fault(Vectors.TS, error, null);
        long descriptor = cpu.segmentLoader.descriptor(selector, Vectors.TS, null);
        int attributes = (int) (descriptor >>> 32);
        boolean writableData = (attributes & (Segment.CODE_OR_DATA | Segment.CODE | Segment.WRITABLE_OR_READABLE))
                == (Segment.CODE_OR_DATA | Segment.WRITABLE_OR_READABLE);
        if ((selector & SegmentLoader.SELECTOR_RPL) != level || Segment.dplOf(attributes) != level || !writableData) {
            throw cpu.fault(Vectors.TS, error, null);
        }
        if ((attributes & Segment.PRESENT) == 0) throw cpu.fault(Vectors.SS, error, null);
        segment.load(selector, cpu.segmentLoader.accessed(selector, descriptor, null));
        return pointer;
    }

    @SuppressWarnings("NullAway") // RIP is set
    private long read(int offset, int size, int external) {
        if (!cpu.tr.usable || offset + size - 1 > cpu.tr.limit) {
            throw cpu.fault(Vectors.TS, (cpu.tr.selector & ~SegmentLoader.SELECTOR_RPL) | external, null);
        }
        cpu.mmu.selectImplicit();
        long value = cpu.mmu.load(cpu.tr.base + offset, size, null);
        cpu.mmu.select(cpu.cpl == 3);
        return value;
    }
}
