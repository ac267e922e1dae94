package dev.microvm.engine.privileged;

/**
 * Where things are in a {@link SystemCase}'s memory. Linear addresses are the same as physical
 * ones, but for the aliases and {@link #TEST_64}.
 */
final class Layout {
    static final int PAGE = 0x1000;

    // Page tables; those whose names end with TEST lead to the page that has random rights
    static final int PML4 = 0x1000;
    static final int POINTERS = 0x2000;
    static final int DIRECTORY = 0x3000;
    static final int TABLE = 0x4000;
    static final int PAE_POINTERS = 0x5000;
    static final int DIRECTORY_32 = 0x6000;
    static final int TABLE_32 = 0x7000;
    static final int POINTERS_TEST = 0x1_8000;
    static final int DIRECTORY_TEST = 0x1_9000;
    static final int TABLE_TEST = 0x1_A000;
    static final int TABLE_32_TEST = 0x1_B000;

    static final int GDT = 0x8000;
    static final int IDT = 0x9000;
    static final int LDT = 0x9800;
    static final int TASK = 0xA000;

    /** A handler for each vector: 4 bytes, of which the first two are OUT. */
    static final int HANDLERS = 0xB000;

    /** The case's instruction, and OUT behind it. */
    static final int CODE = 0xC000;

    /** Where far transfers lead: OUT, over and over. */
    static final int LANDING = 0xD000;

    /** No page, even where an offset has 16 bits. */
    static final int UNMAPPED_CODE = 0xE000;

    /** Two pages that anybody may read and write, and one behind them that is missing. */
    static final int DATA = 0x1_0000;

    static final int MISSING = 0x1_2000;
    static final int STACK = 0x1_3000;
    static final int INNER_STACKS = 0x1_4000;
    static final int INTERRUPT_STACKS = 0x1_5000;

    /** The page that {@link #TEST_64} and {@link #TEST_32} lead to: OUT, over and over. */
    static final int TEST = 0x1_6000;

    /** All memory. */
    static final int SIZE = 0x1_C000;

    /**
     * What is added to the addresses of {@link #CODE} and {@link #LANDING} to reach them with
     * user's rights.
     */
    static final int USER_ALIAS = 0x1_0000;

    /** Linear address with tables of its own at each level but one, whose entry 1 is its own. */
    static final long TEST_64 = 0x80_0000_0000L + TEST;

    /** The same with 32-bit addresses. */
    static final long TEST_32 = 0x4000_0000L + TEST;

    static final int VECTORS = 0x60;
    static final int GDT_LIMIT = 0x1FF;
    static final int LDT_LIMIT = 0x7F;

    // Selectors
    static final int CODE_64 = 0x08;
    static final int DATA_0 = 0x10;
    static final int CODE_32 = 0x18;
    static final int USER_DATA = 0x23;
    static final int USER_CODE_64 = 0x2B;
    static final int USER_CODE_32 = 0x33;
    static final int CODE_16 = 0x38;
    static final int TASK_SELECTOR = 0x40;
    static final int LDT_SELECTOR = 0x50;
    static final int USER_CODE_16 = 0x63;
    static final int DATA_16 = 0x68;
    static final int CODE_1 = 0x71;
    static final int DATA_1 = 0x79;
    static final int CODE_2 = 0x82;
    static final int DATA_2 = 0x8A;
    static final int CONFORMING_0 = 0x90;
    static final int CONFORMING_3 = 0x98;
    static final int FREE = 0xA0; // random segments from here
    static final int GATES = 0x100; // 16 places of 16 bytes

    // Ports
    /**
     * What the code behind a case's instruction, and at each target, writes to; lower ones are
     * handlers' vectors.
     */
    static final int END_PORT = 0xFF;

    /** Ports of cases: all below {@link #LAST_PORT} have bits in the I/O permission map. */
    static final int FIRST_PORT = 0x100;

    static final int LAST_PORT = 0x3FF;

    /** Where the I/O permission map is in the task-state segment. */
    static final int PORT_MAP = 0x68;

    static final int TASK_LIMIT = PORT_MAP + (LAST_PORT + 1) / Byte.SIZE;

    private Layout() {}
}
