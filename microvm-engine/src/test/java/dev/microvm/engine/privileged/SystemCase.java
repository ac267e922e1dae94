package dev.microvm.engine.privileged;

import dev.microvm.hypervisor.SegmentRegister;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.EnumSet;
import java.util.HexFormat;

/** An instruction and everything it starts with. */
final class SystemCase {
    // Order of segments: as numbered in instructions, Intel SDM vol. 2A, table 3-1
    static final int ES = 0;
    static final int CS = 1;
    static final int SS = 2;
    static final int DS = 3;
    static final int FS = 4;
    static final int GS = 5;

    /** MSRs that each case sets and compares: Intel SDM vol. 4, table 2-2. */
    static final int[] MSRS = {
        0x174,
        0x175,
        0x176, // IA32_SYSENTER_CS, _ESP, _EIP
        0xC000_0081,
        0xC000_0082,
        0xC000_0083,
        0xC000_0084, // IA32_STAR, LSTAR, CSTAR, FMASK
        0xC000_0102,
        0xC000_0103, // IA32_KERNEL_GS_BASE, TSC_AUX
        0x277 // IA32_PAT
    };

    static final int SYSENTER_CS = 0;
    static final int SYSENTER_ESP = 1;
    static final int SYSENTER_EIP = 2;
    static final int STAR = 3;
    static final int LSTAR = 4;
    static final int CSTAR = 5;
    static final int FMASK = 6;
    static final int KERNEL_GS_BASE = 7;
    static final int TSC_AUX = 8;
    static final int PAT = 9;

    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    final String family;
    final Mode mode;
    final int cpl;
    final byte[] memory;
    final long[] registers = new long[16];
    final SegmentRegister[] segments = new SegmentRegister[6];
    final long[] debug = {0, 0, 0, 0, 0xFFFF_0FF0L, 0x400}; // DR0 to DR3, DR6, DR7
    final long[] msrs = new long[MSRS.length];
    final EnumSet<NotCompared> notCompared = EnumSet.noneOf(NotCompared.class);
    SegmentRegister task = unusable(0);
    SegmentRegister localTable = unusable(0);
    int gdtLimit = Layout.GDT_LIMIT;
    int idtLimit;
    long rip;
    long flags = 2;
    long cr0;
    long cr2;
    long cr3;
    long cr4;
    long cr8;
    long efer;
    byte[] code = {};
    private boolean changesExtendedControl;

    SystemCase(String family, Mode mode, int cpl, byte[] memory) {
        this.family = family;
        this.mode = mode;
        this.cpl = cpl;
        this.memory = memory;
    }

    /** Whether it may set XCR0, which takes long to set and compare. */
    boolean changesExtendedControl() {
        return changesExtendedControl;
    }

    void changeExtendedControl() {
        changesExtendedControl = true;
    }

    /** Sets what is needed to run code of level 0 outside of long mode, without paging. */
    void startAtLevelZero() {
        for (int i = 0; i < segments.length; i++) segments[i] = loaded(i == CS ? Layout.CODE_32 : Layout.DATA_0);
        rip = Layout.CODE;
        cr0 = 0x31; // PE, ET, NE
        idtLimit = Layout.VECTORS * 8 - 1;
    }

    void put16(int at, int value) {
        SHORT.set(memory, at, (short) value);
    }

    void put32(int at, int value) {
        INT.set(memory, at, value);
    }

    void put64(int at, long value) {
        LONG.set(memory, at, value);
    }

    long get64(int at) {
        return (long) LONG.get(memory, at);
    }

    /** Puts a value of 2, 4 or 8 bytes. */
    void put(int at, long value, int size) {
        for (int i = 0; i < size; i++) memory[at + i] = (byte) (value >>> (i * Byte.SIZE));
    }

    /** Where a selector's descriptor is. */
    static int descriptorAt(int selector) {
        return ((selector & 4) != 0 ? Layout.LDT : Layout.GDT) + (selector & 0xFFF8);
    }

    /** What a selector stands for, as if it had been loaded. */
    SegmentRegister loaded(int selector) {
        if ((selector & ~3) == 0) return unusable(selector);
        long descriptor = get64(descriptorAt(selector));
        int limit = (int) ((descriptor & 0xFFFF) | (descriptor >>> 32 & 0xF_0000));
        boolean granularity = (descriptor & 1L << 55) != 0;
        return new SegmentRegister(
                (descriptor >>> 16 & 0xFF_FFFF) | (descriptor >>> 56 << 24),
                granularity ? limit << 12 | 0xFFF : limit,
                selector,
                (int) (descriptor >>> 40) & 0xF,
                (descriptor & 1L << 47) != 0,
                (int) (descriptor >>> 45) & 3,
                (descriptor & 1L << 54) != 0,
                (descriptor & 1L << 44) != 0,
                (descriptor & 1L << 53) != 0,
                granularity,
                (descriptor & 1L << 52) != 0,
                false);
    }

    private static SegmentRegister unusable(int selector) {
        return new SegmentRegister(0, 0, selector, 0, false, 0, false, false, false, false, false, true);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        text.append("%s, %s, level %d: %s%n"
                .formatted(family, mode, cpl, HexFormat.of().formatHex(code)));
        text.append("  rip %x flags %x".formatted(rip, flags));
        for (int i = 0; i < registers.length; i++) text.append(" r%d %x".formatted(i, registers[i]));
        text.append("%n  cr0 %x cr2 %x cr3 %x cr4 %x cr8 %x efer %x gdt limit %x idt limit %x%n "
                .formatted(cr0, cr2, cr3, cr4, cr8, efer, gdtLimit, idtLimit));
        String[] names = {"es", "cs", "ss", "ds", "fs", "gs"};
        for (int i = 0; i < names.length; i++) {
            text.append(" %s %x (base %x)".formatted(names[i], segments[i].selector(), segments[i].base()));
        }
        text.append(" tr %x ldt %x%n ".formatted(task.selector(), localTable.selector()));
        for (int i = 0; i < debug.length; i++) text.append(" dr%d %x".formatted(i < 4 ? i : i + 2, debug[i]));
        for (int i = 0; i < msrs.length; i++) text.append(" msr %x %x".formatted(MSRS[i], msrs[i]));
        return text.append(System.lineSeparator()).toString();
    }
}
