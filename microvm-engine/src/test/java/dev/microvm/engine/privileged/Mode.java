package dev.microvm.engine.privileged;

/**
 * How the code of a case is read, and which page tables are in use: Intel SDM vol. 3A, 2.2 and
 * 4.1.1.
 */
enum Mode {
    LONG_64(8, true, true, true),
    LONG_32(4, true, true, true),
    LONG_16(2, true, true, true),
    PAE_32(4, false, true, true),
    PAE_16(2, false, true, true),
    PAGED_32(4, false, true, false),
    PAGED_16(2, false, true, false),
    FLAT_32(4, false, false, false),
    FLAT_16(2, false, false, false);

    /** Bytes of an address of its code. */
    final int width;

    /** Whether it is of long mode. */
    final boolean isLong;

    final boolean paging;

    /** Whether CR4.PAE is set. */
    final boolean pae;

    Mode(int width, boolean isLong, boolean paging, boolean pae) {
        this.width = width;
        this.isLong = isLong;
        this.paging = paging;
        this.pae = pae;
    }

    boolean is64() {
        return this == LONG_64;
    }
}
