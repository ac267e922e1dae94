package dev.microvm.engine.cpu;

/**
 * Pushes to a stack that is not the current one yet: of 16- and 32-bit code, for far transfers and
 * interrupts.
 */
final class StackFrame {
    private final Cpu cpu;
    private final Segment segment;
    private final int size;
    private final long mask;
    private final long kept;
    private long offset;

    /**
     * Makes a frame.
     *
     * @param segment the stack segment
     * @param pointer SP or ESP
     * @param size of what is pushed, in bytes
     */
    StackFrame(Cpu cpu, Segment segment, long pointer, int size) {
        this.cpu = cpu;
        this.segment = segment;
        this.size = size;
        this.mask = segment.is32() ? 0xFFFF_FFFFL : 0xFFFF;
        this.kept = pointer & ~mask & 0xFFFF_FFFFL;
        this.offset = pointer & mask;
    }

    @SuppressWarnings("NullAway") // RIP is set
    void push(long value) {
        long next = offset - size & mask;
        if (!segment.contains(next, size)) throw cpu.fault(Vectors.SS, 0, null);
        cpu.mmu.store(segment.base + next & 0xFFFF_FFFFL, value, size, null);
        offset = next;
    }

    /** Takes a value off: the other way around. */
    @SuppressWarnings("NullAway") // RIP is set
    long pop() {
        if (!segment.contains(offset, size)) throw cpu.fault(Vectors.SS, 0, null);
        long value = cpu.mmu.load(segment.base + offset & 0xFFFF_FFFFL, size, null);
        offset = offset + size & mask;
        return value;
    }

    /** Gives up bytes without reading them. */
    void skip(int bytes) {
        offset = offset + bytes & mask;
    }

    /** What the stack pointer is to become. */
    long pointer() {
        return kept | offset;
    }
}
