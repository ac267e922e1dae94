package dev.microvm.engine.privileged;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** What memory holds before a case changes it: tables, handlers, code that ends. */
final class Template {
    // Paging-structure entries: Intel SDM vol. 3A, tables 4-5 to 4-19
    static final long P = 1 << 0;
    static final long W = 1 << 1;
    static final long U = 1 << 2;
    static final long A = 1 << 5;
    static final long D = 1 << 6;
    private static final long TABLE = P | W | U | A;
    private static final long SUPERVISOR_PAGE = P | W | A | D;

    private static final int OUT_IMMEDIATE = 0xE6;
    private static final int FIRST_USER_PAGE = Layout.DATA;

    private final Mode mode;
    private final ByteBuffer memory = ByteBuffer.allocate(Layout.SIZE).order(ByteOrder.LITTLE_ENDIAN);

    private Template(Mode mode) {
        this.mode = mode;
    }

    static byte[] of(Mode mode) {
        Template template = new Template(mode);
        template.pageTables();
        template.code();
        template.segments();
        template.taskState();
        template.gates();
        return template.memory.array();
    }

    private void pageTables() {
        memory.putLong(Layout.PML4, Layout.POINTERS | TABLE);
        memory.putLong(Layout.PML4 + 8, Layout.POINTERS_TEST | TABLE);
        memory.putLong(Layout.POINTERS, Layout.DIRECTORY | TABLE);
        memory.putLong(Layout.POINTERS_TEST, Layout.DIRECTORY_TEST | TABLE);
        memory.putLong(Layout.DIRECTORY, Layout.TABLE | TABLE);
        memory.putLong(Layout.DIRECTORY_TEST, Layout.TABLE_TEST | TABLE);
        memory.putLong(Layout.PAE_POINTERS, Layout.DIRECTORY | P);
        memory.putLong(Layout.PAE_POINTERS + 8, Layout.DIRECTORY_TEST | P);
        memory.putInt(Layout.DIRECTORY_32, (int) (Layout.TABLE_32 | TABLE));
        memory.putInt(Layout.DIRECTORY_32 + (int) (Layout.TEST_32 >> 22) * 4, (int) (Layout.TABLE_32_TEST | TABLE));
        for (int page = Layout.PAGE; page < Layout.SIZE; page += Layout.PAGE) {
            if (page != Layout.MISSING && page != Layout.UNMAPPED_CODE)
                map(page, page, page >= FIRST_USER_PAGE ? U : 0);
        }
        map(Layout.CODE + Layout.USER_ALIAS, Layout.CODE, U);
        map(Layout.LANDING + Layout.USER_ALIAS, Layout.LANDING, U);
        for (int page = Layout.TEST; page <= Layout.TEST + Layout.PAGE; page += Layout.PAGE) {
            memory.putLong(Layout.TABLE_TEST + page / Layout.PAGE * 8, page | SUPERVISOR_PAGE | U);
            memory.putInt(Layout.TABLE_32_TEST + page / Layout.PAGE * 4, (int) (page | SUPERVISOR_PAGE | U));
        }
    }

    private void map(int linear, int physical, long rights) {
        memory.putLong(Layout.TABLE + linear / Layout.PAGE * 8, physical | SUPERVISOR_PAGE | rights);
        memory.putInt(Layout.TABLE_32 + linear / Layout.PAGE * 4, (int) (physical | SUPERVISOR_PAGE | rights));
    }

    private void code() {
        for (int vector = 0; vector < Layout.VECTORS; vector++) {
            memory.put(Layout.HANDLERS + vector * 4, (byte) OUT_IMMEDIATE);
            memory.put(Layout.HANDLERS + vector * 4 + 1, (byte) vector);
        }
        for (int page : new int[] {Layout.CODE, Layout.LANDING, Layout.TEST, Layout.TEST + Layout.PAGE}) {
            for (int i = 0; i < Layout.PAGE; i += 2) {
                memory.put(page + i, (byte) OUT_IMMEDIATE);
                memory.put(page + i + 1, (byte) Layout.END_PORT);
            }
        }
    }

    // Descriptors: Intel SDM vol. 3A, 3.4.5

    private void segments() {
        final int flat = 0xC;
        final int flat64 = 0xA;
        int own = mode.isLong ? flat64 : flat;
        put(Layout.CODE_64, descriptor(0, 0xF_FFFF, 0x9B, flat64));
        put(Layout.DATA_0, descriptor(0, 0xF_FFFF, 0x93, flat));
        put(Layout.CODE_32, descriptor(0, 0xF_FFFF, 0x9B, flat));
        put(Layout.USER_DATA, descriptor(0, 0xF_FFFF, 0xF3, flat));
        put(Layout.USER_CODE_64, descriptor(0, 0xF_FFFF, 0xFB, flat64));
        put(Layout.USER_CODE_32, descriptor(0, 0xF_FFFF, 0xFB, flat));
        put(Layout.CODE_16, descriptor(0, 0xF_FFFF, 0x9B, 0x8));
        put(Layout.USER_CODE_16, descriptor(0, 0xF_FFFF, 0xFB, 0x8));
        put(Layout.TASK_SELECTOR, descriptor(Layout.TASK, Layout.TASK_LIMIT, 0x8B, 0));
        put(Layout.LDT_SELECTOR, descriptor(Layout.LDT, Layout.LDT_LIMIT, 0x82, 0));
        put(Layout.DATA_16, descriptor(Layout.DATA, 0xFFFF, 0x93, 0));
        put(Layout.CODE_1, descriptor(0, 0xF_FFFF, 0xBB, own));
        put(Layout.DATA_1, descriptor(0, 0xF_FFFF, 0xB3, flat));
        put(Layout.CODE_2, descriptor(0, 0xF_FFFF, 0xDB, own));
        put(Layout.DATA_2, descriptor(0, 0xF_FFFF, 0xD3, flat));
        put(Layout.CONFORMING_0, descriptor(0, 0xF_FFFF, 0x9F, own));
        put(Layout.CONFORMING_3, descriptor(0, 0xF_FFFF, 0xFF, own));
    }

    private void put(int selector, long descriptor) {
        memory.putLong(SystemCase.descriptorAt(selector), descriptor);
    }

    static long descriptor(long base, int limit, int access, int flags) {
        return (limit & 0xFFFFL)
                | (base & 0xFF_FFFF) << 16
                | (long) access << 40
                | (limit & 0xF_0000L) << 32
                | (long) flags << 52
                | (base >>> 24 & 0xFF) << 56;
    }

    /**
     * Stacks of inner levels, and the I/O permission map: Intel SDM vol. 3A, figures 8-2 and 8-11.
     */
    private void taskState() {
        int[] selectors = {Layout.DATA_0, Layout.DATA_1, Layout.DATA_2};
        for (int level = 0; level < 3; level++) {
            int stack = Layout.INNER_STACKS + 0x400 * (level + 1);
            int at = Layout.TASK + 4 + level * 8;
            if (mode.isLong) {
                memory.putLong(at, stack);
            } else {
                memory.putInt(at, stack);
                memory.putInt(at + 4, selectors[level]);
            }
        }
        if (mode.isLong) {
            for (int i = 0; i < 7; i++) {
                memory.putLong(Layout.TASK + 0x24 + i * 8, Layout.INTERRUPT_STACKS + 0x200 * (i + 1));
            }
        }
        memory.putShort(Layout.TASK + 0x66, (short) Layout.PORT_MAP);
        memory.put(Layout.TASK + Layout.TASK_LIMIT, (byte) 0xFF);
    }

    private void gates() {
        final int interruptGate = 0x8E;
        for (int vector = 0; vector < Layout.VECTORS; vector++) {
            gate(vector, mode.isLong ? Layout.CODE_64 : Layout.CODE_32, Layout.HANDLERS + vector * 4L, interruptGate);
        }
    }

    private void gate(int vector, int selector, long offset, int access) {
        long[] words = gate(selector, offset, access, 0);
        int at = Layout.IDT + vector * (mode.isLong ? 16 : 8);
        memory.putLong(at, words[0]);
        if (mode.isLong) memory.putLong(at + 8, words[1]);
    }

    /** A gate as two words, of which only long mode has the second. */
    static long[] gate(int selector, long offset, int access, int stackOrParameters) {
        long low = (offset & 0xFFFF)
                | (selector & 0xFFFFL) << 16
                | (long) stackOrParameters << 32
                | (long) access << 40
                | (offset >>> 16 & 0xFFFF) << 48;
        return new long[] {low, offset >>> 32};
    }
}
