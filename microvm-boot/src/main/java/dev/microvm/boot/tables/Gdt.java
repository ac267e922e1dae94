package dev.microvm.boot.tables;

import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.memory.GuestMemory;
import java.util.Objects;

/**
 * A global descriptor table with flat segments, and the segment registers that match it.
 *
 * <p>Source: Intel SDM vol. 3A, 3.4.5 (descriptors).
 */
public enum Gdt {
    /**
     * Code at 0x10 (__BOOT_CS), data at 0x18 (__BOOT_DS): Linux Documentation/arch/x86/boot.rst,
     * "64-bit BOOT PROTOCOL".
     */
    LINUX(0x10),

    /**
     * Code at 0x08, data at 0x10: as GRUB, QEMU and Firecracker start kernels whose protocols leave
     * the selectors open. Small kernels trust in them until they load a table of their own, which
     * often has the same.
     */
    LOADER(0x08);

    /**
     * Size of the table in bytes: null, code and data, of which the first may be after an unused
     * one, and a 64-bit task-state descriptor of two entries.
     */
    public static final int SIZE = 6 * Long.BYTES;

    private static final int TASK_LIMIT = 0x67; // last byte of a 32- or 64-bit TSS: Intel SDM vol. 3A, 8.2.1, 8.7

    // Segment descriptor: Intel SDM vol. 3A, figure 3-8
    private static final long LIMIT_LOW_MASK = 0xFFFF;
    private static final int LIMIT_HIGH_SHIFT = 48 - 16;
    private static final long LIMIT_HIGH_MASK = 0xF_0000;
    private static final long BASE_LOW_MASK = 0xFF_FFFF;
    private static final int BASE_LOW_SHIFT = 16;
    private static final long BASE_HIGH_MASK = 0xFF00_0000L;
    private static final int BASE_HIGH_SHIFT = 56 - 24;
    private static final int TYPE_SHIFT = 40;
    private static final int S_BIT = 44;
    private static final int DPL_SHIFT = 45;
    private static final int P_BIT = 47;
    private static final int AVL_BIT = 52;
    private static final int L_BIT = 53;
    private static final int DB_BIT = 54;
    private static final int G_BIT = 55;
    private static final int PAGE_SHIFT = 12; // a limit is in pages when G is set

    private final int code;
    private final int data;
    private final int task;

    Gdt(int code) {
        this.code = code;
        this.data = code + Long.BYTES;
        this.task = data + Long.BYTES;
    }

    /** The code segment of a 64-bit start. */
    public SegmentRegister code64() {
        return SegmentRegister.code64(code);
    }

    /** The code segment of a 32-bit start. */
    public SegmentRegister code32() {
        return SegmentRegister.flat32(code, SegmentRegister.TYPE_CODE);
    }

    /** The data segments of either. */
    public SegmentRegister data() {
        return SegmentRegister.flat32(data, SegmentRegister.TYPE_DATA);
    }

    /** The task-state segment of either; a CPU requires one, even if nobody uses it. */
    public SegmentRegister task() {
        return SegmentRegister.systemSegment(task, SegmentRegister.TYPE_TSS_BUSY, 0, TASK_LIMIT);
    }

    /**
     * Writes the table to {@code address} and returns the register that points to it.
     *
     * @param codeSegment {@link #code64} or {@link #code32}
     */
    public DescriptorTable write(GuestMemory memory, long address, SegmentRegister codeSegment) {
        Objects.requireNonNull(memory, "memory");
        Objects.requireNonNull(codeSegment, "codeSegment");
        for (int i = 0; i < SIZE; i += Long.BYTES) {
            memory.putLong(address + i, 0);
        }
        memory.putLong(address + code, descriptor(codeSegment));
        memory.putLong(address + data, descriptor(data()));
        memory.putLong(address + task, descriptor(task()));
        return new DescriptorTable(address, SIZE - 1);
    }

    /** A segment register as a descriptor. */
    static long descriptor(SegmentRegister segment) {
        long limit = Integer.toUnsignedLong(segment.limit()) >>> (segment.granularity() ? PAGE_SHIFT : 0);
        return (limit & LIMIT_LOW_MASK)
                | (limit & LIMIT_HIGH_MASK) << LIMIT_HIGH_SHIFT
                | (segment.base() & BASE_LOW_MASK) << BASE_LOW_SHIFT
                | (segment.base() & BASE_HIGH_MASK) << BASE_HIGH_SHIFT
                | (long) segment.type() << TYPE_SHIFT
                | (long) segment.dpl() << DPL_SHIFT
                | bit(segment.codeOrData(), S_BIT)
                | bit(segment.present(), P_BIT)
                | bit(segment.available(), AVL_BIT)
                | bit(segment.longMode(), L_BIT)
                | bit(segment.db(), DB_BIT)
                | bit(segment.granularity(), G_BIT);
    }

    private static long bit(boolean set, int bit) {
        return set ? 1L << bit : 0;
    }
}
