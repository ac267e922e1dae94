package dev.microvm.engine.oracle;

/**
 * An access to memory that an instruction makes, and the faults that it can raise.
 *
 * @param wide whether it is of 64-bit mode
 * @param segment what its selector stands for outside of 64-bit mode
 * @param stack whether its segment is SS, so that #SS takes the place of #GP
 * @param segmentBase what is added to the offset
 * @param offset within the segment
 * @param bytes how many
 * @param kind what is done with them
 * @param alignment of which the address must be a multiple; 1 if it need not
 */
record MemoryAccess(
        boolean wide,
        CaseSegment segment,
        boolean stack,
        long segmentBase,
        long offset,
        int bytes,
        Kind kind,
        int alignment) {
    /** Reads, writes, or reads and then writes, which may fault as either. */
    enum Kind {
        READ,
        WRITE,
        UPDATE
    }

    private static final int PAGE_SIZE = 0x1000;
    private static final int QUADWORD = 8;
    private static final int CANONICAL_BITS = 48;

    private long linear(long index) {
        long address = segmentBase + offset + index;
        return wide ? address : address & 0xFFFF_FFFFL;
    }

    /** Whether this access, were it the instruction's first, can end with a fault. */
    boolean canRaise(Fault fault) {
        return switch (fault.vector()) {
            case Fault.PAGE -> canRaisePageFault(fault);
            case Fault.STACK -> stack && fault.error() == 0 && canBeRefused();
            case Fault.PROTECTION -> fault.error() == 0 && ((!stack && canBeRefused()) || isMisaligned());
            default -> false;
        };
    }

    private boolean canBeRefused() {
        if (!wide) return segment.canRefuse(offset, bytes, kind != Kind.READ);
        return !isCanonical(linear(0)) || !isCanonical(linear(bytes - 1));
    }

    private static boolean isCanonical(long address) {
        int unused = Long.SIZE - CANONICAL_BITS;
        return ((address << unused) >> unused) == address;
    }

    private boolean isMisaligned() {
        return (linear(0) & (alignment - 1)) != 0;
    }

    private boolean canRaisePageFault(Fault fault) {
        long index = wide ? fault.address() - linear(0) : (fault.address() - linear(0)) & 0xFFFF_FFFFL;
        if (index < 0 || index >= bytes) return false;
        // CR2 is the first byte, or the first in the second page; of any part if the processor may make
        // several accesses of it: Intel SDM vol. 3A, 8.1.1
        boolean first = index == 0 || fault.address() % PAGE_SIZE == 0 || bytes > QUADWORD;
        return first
                && ((kind != Kind.WRITE && canRaise(fault, false)) || (kind != Kind.READ && canRaise(fault, true)));
    }

    private static boolean canRaise(Fault fault, boolean write) {
        long address = fault.address();
        if (!isCanonical(address)) return false;
        boolean present = isIn(address, UserCaseMachine.CODE, UserCaseMachine.CODE_SIZE)
                || isIn(address, UserCaseMachine.DATA, UserCaseMachine.DATA_SIZE + PAGE_SIZE)
                || isIn(address, UserCaseMachine.STACK, UserCaseMachine.STACK_SIZE);
        boolean writable = isIn(address, UserCaseMachine.DATA, UserCaseMachine.DATA_SIZE)
                || isIn(address, UserCaseMachine.STACK, UserCaseMachine.STACK_SIZE);
        if (present && (!write || writable)) return false;
        int error = Fault.USER | (write ? Fault.WRITE : 0) | (present ? Fault.PRESENT : 0);
        return fault.error() == Fault.visible(error, address);
    }

    private static boolean isIn(long address, long start, int size) {
        return address >= start && address < start + size;
    }

    /** Whether its bytes are in two pages. */
    boolean crossesPage() {
        return (linear(0) & (PAGE_SIZE - 1)) + bytes > PAGE_SIZE;
    }
}
