package dev.microvm.engine.oracle;

/**
 * An exception as a program can see it.
 *
 * @param vector its number
 * @param error its error code, 0 if it has none
 * @param address CR2 of a page fault, else 0
 */
record Fault(int vector, long error, long address) {
    static final int BREAKPOINT = 3;
    static final int SEGMENT_NOT_PRESENT = 11;
    static final int STACK = 12;
    static final int PROTECTION = 13;
    static final int PAGE = 14;
    static final int X87 = 16;

    // Page-fault error codes: Intel SDM vol. 3A, figure 4-12
    static final int PRESENT = 1 << 0;
    static final int WRITE = 1 << 1;
    static final int USER = 1 << 2;

    private static final long TASK_SIZE = 0x7FFF_FFFF_F000L; // of Linux: where the addresses of programs end

    /** Returns what ended a case. */
    static Fault of(Outcome outcome) {
        boolean page = outcome.vector() == PAGE;
        long error = page ? visible(outcome.error(), outcome.address()) : outcome.error();
        return new Fault(outcome.vector(), error, page ? outcome.address() : 0);
    }

    /** Hides whether an address of Linux itself is mapped, as its sanitize_error_code() does. */
    static long visible(long error, long address) {
        return Long.compareUnsigned(address, TASK_SIZE) >= 0 ? error & ~PRESENT : error;
    }

    @Override
    public String toString() {
        return "vector %d, error %x, CR2 %x".formatted(vector, error, address);
    }
}
