package dev.microvm.engine.privileged;

import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** What differs between two outcomes of a case. */
final class Comparison {
    private static final int MOST_WORDS = 24;
    private static final int DF = 8;
    private static final int NP = 11;
    private static final int SS = 12;
    private static final int PF = 14;
    private static final long RF = 1 << 16;
    private static final long ACCESSED = 1 << 5;
    private static final long ACCESSED_DIRTY = 3 << 5;
    private static final int CONFORMING = 0xC; // code, conforming: Intel SDM vol. 3A, table 3-1
    private static final long DESCRIPTOR_ACCESSED = 1L << 40;
    private static final long DR6_RESERVED = 0x1000;
    private static final long DR7_RESERVED = 0xD800;
    private static final long LAR_UNDEFINED = 0xF_0000;
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final SystemCase from;
    private final SystemOutcome real;
    private final SystemOutcome ours;
    private final StringBuilder text = new StringBuilder();

    private final Frame frame;

    private Comparison(SystemCase from, SystemOutcome real, SystemOutcome ours) {
        this.from = from;
        this.real = real;
        this.ours = ours;
        this.frame = Frame.of(from, real);
    }

    /** Says what differs, or nothing. */
    static String of(SystemCase from, SystemOutcome real, SystemOutcome ours) {
        return new Comparison(from, real, ours).compare();
    }

    private String compare() {
        if (SystemCaseMachine.EMULATED && (forgetsTheFirst() || missesTheStack())) return "";
        if (real.end() != ours.end()) text.append("  end: real %s, ours %s%n".formatted(real.ending(), ours.ending()));
        if (real.end() == SystemOutcome.SHUTDOWN && ours.end() == SystemOutcome.SHUTDOWN) return "";
        if (!real.ports().equals(ours.ports()))
            text.append("  ports: real %s, ours %s%n".formatted(real.ports(), ours.ports()));
        general();
        special();
        add("dr0", real.debug().dr0(), ours.debug().dr0());
        add("dr1", real.debug().dr1(), ours.debug().dr1());
        add("dr2", real.debug().dr2(), ours.debug().dr2());
        add("dr3", real.debug().dr3(), ours.debug().dr3());
        long known = SystemCaseMachine.EMULATED ? ~DR6_RESERVED : -1;
        add("dr6", real.debug().dr6() & known, ours.debug().dr6() & known);
        long kept = SystemCaseMachine.EMULATED ? ~DR7_RESERVED : -1;
        add("dr7", real.debug().dr7() & kept, ours.debug().dr7() & kept);
        for (int i = 0; i < SystemCase.MSRS.length; i++) {
            add(
                    "msr %x".formatted(SystemCase.MSRS[i]),
                    real.msrs().get(i).value(),
                    ours.msrs().get(i).value());
        }
        add("xcr0", real.xcr0(), ours.xcr0());
        memory();
        return text.toString();
    }

    /** {@link NotCompared#SECOND_EXCEPTION}. */
    private boolean forgetsTheFirst() {
        return free(NotCompared.SECOND_EXCEPTION) && ours.end() == DF && real.end() == NP;
    }

    /** {@link NotCompared#ABSENT_STACK}. */
    private boolean missesTheStack() {
        boolean returns = from.family.equals("interrupt returns") || from.family.equals("far returns");
        return returns && ours.end() == SS && real.end() == NP;
    }

    private void general() {
        Registers r = real.registers();
        Registers o = ours.registers();
        boolean timed = from.notCompared.contains(NotCompared.TIME) && real.end() == Layout.END_PORT;
        if (!timed) {
            add("rax", r.rax(), o.rax());
            add("rdx", r.rdx(), o.rdx());
        }
        add("rcx", r.rcx(), o.rcx());
        add("rbx", r.rbx(), o.rbx());
        add("rsp", r.rsp(), o.rsp());
        add("rbp", r.rbp(), o.rbp());
        add("rsi", r.rsi(), o.rsi());
        add("rdi", r.rdi(), o.rdi());
        add("r8", r.r8(), o.r8());
        add("r9", r.r9(), o.r9());
        add("r10", r.r10(), o.r10());
        add("r11", r.r11(), o.r11());
        add("r12", r.r12(), o.r12());
        add("r13", r.r13(), o.r13());
        add("r14", r.r14(), o.r14());
        add("r15", r.r15(), o.r15());
        add("rip", r.rip(), o.rip());
        add("flags", r.rflags(), o.rflags());
    }

    private void special() {
        SpecialRegisters r = real.special();
        SpecialRegisters o = ours.special();
        segment("cs", conforming(r.cs()), conforming(o.cs()));
        segment("ds", r.ds(), o.ds());
        segment("es", r.es(), o.es());
        segment("fs", r.fs(), o.fs());
        segment("gs", r.gs(), o.gs());
        if (!stackIsFree()) segment("ss", r.ss(), o.ss());
        segment("tr", r.tr(), busy(o.tr()));
        segment("ldt", r.ldt(), o.ldt());
        add("gdt base", r.gdt().base(), o.gdt().base());
        add("gdt limit", r.gdt().limit(), o.gdt().limit());
        add("idt base", r.idt().base(), o.idt().base());
        add("idt limit", r.idt().limit(), o.idt().limit());
        add("cr0", r.cr0(), o.cr0());
        add("cr2", r.cr2(), o.cr2());
        add("cr3", r.cr3(), o.cr3());
        add("cr4", r.cr4(), o.cr4());
        add("cr8", r.cr8(), o.cr8());
        add("efer", r.efer(), o.efer());
    }

    /**
     * Whether SS may be anything: {@link NotCompared#NULL_STACK} and {@link
     * NotCompared#INTERRUPT_STACK_SAME_LEVEL}.
     */
    private boolean stackIsFree() {
        boolean realIsNull = real.special().ss().selector() <= 3;
        boolean oursIsNull = ours.special().ss().selector() <= 3;
        boolean interrupted = real.end() != Layout.END_PORT || from.family.equals("interrupts");
        return realIsNull && (oursIsNull || (from.mode.isLong && interrupted));
    }

    /** Conforming code without its level in the lab: {@link NotCompared#CONFORMING_GATE}. */
    private SegmentRegister conforming(SegmentRegister s) {
        boolean isConforming = (s.type() & CONFORMING) == CONFORMING;
        return SystemCaseMachine.EMULATED && isConforming ? withSelector(s, s.selector() & ~3) : s;
    }

    private static SegmentRegister withSelector(SegmentRegister s, int selector) {
        return new SegmentRegister(
                s.base(),
                s.limit(),
                selector,
                s.type(),
                s.present(),
                s.dpl(),
                s.db(),
                s.codeOrData(),
                s.longMode(),
                s.granularity(),
                s.available(),
                s.unusable());
    }

    /** The task register as KVM shows it, whatever the processor holds: svm_get_segment(). */
    private static SegmentRegister busy(SegmentRegister task) {
        return new SegmentRegister(
                task.base(),
                task.limit(),
                task.selector(),
                task.type() | 2,
                task.present(),
                task.dpl(),
                task.db(),
                task.codeOrData(),
                task.longMode(),
                task.granularity(),
                task.available(),
                task.unusable());
    }

    private void segment(String name, SegmentRegister r, SegmentRegister o) {
        add(name, r.selector(), o.selector());
        add(name + " unusable", r.unusable() ? 1 : 0, o.unusable() ? 1 : 0);
        if (r.unusable() || o.unusable()) return;
        add(name + " base", r.base(), o.base());
        add(name + " limit", r.limit(), o.limit());
        add(name + " type", r.type(), o.type());
        add(name + " dpl", r.dpl(), o.dpl());
        add(name + " db", r.db() ? 1 : 0, o.db() ? 1 : 0);
        add(name + " l", r.longMode() ? 1 : 0, o.longMode() ? 1 : 0);
        add(name + " s", r.codeOrData() ? 1 : 0, o.codeOrData() ? 1 : 0);
        add(name + " p", r.present() ? 1 : 0, o.present() ? 1 : 0);
    }

    private void memory() {
        int at = 0;
        for (int shown = 0; shown < MOST_WORDS; ) {
            int ahead = Arrays.mismatch(real.memory(), at, Layout.SIZE, ours.memory(), at, Layout.SIZE);
            if (ahead < 0) return;
            at = at + ahead & -Long.BYTES;
            long expected = word(real, at);
            long actual = word(ours, at);
            if (((expected ^ actual) & ~free(at, expected)) != 0) {
                text.append("  [%x] real %016x, ours %016x (before %016x)%n"
                        .formatted(at, expected, actual, from.get64(at)));
                shown++;
            }
            at += Long.BYTES;
        }
    }

    private static long word(SystemOutcome outcome, int at) {
        return (long) LONG.get(outcome.memory(), at);
    }

    /** The bits of eight bytes of memory that may differ. */
    private long free(int at, long expected) {
        long bits = 0;
        boolean faulted = real.end() != Layout.END_PORT;
        boolean tables = at < Layout.GDT || at >= Layout.POINTERS_TEST;
        boolean leaf = at / Layout.PAGE * Layout.PAGE == Layout.TABLE_TEST
                || at / Layout.PAGE * Layout.PAGE == Layout.TABLE_32_TEST;
        boolean leafIsFree = free(NotCompared.READ_MODIFY_WRITE) || free(NotCompared.ACCESSED_ON_FAULT);
        if (faulted && tables && !leaf) bits |= ACCESSED | ACCESSED << 32;
        if (faulted && leaf && leafIsFree) bits |= ACCESSED_DIRTY | ACCESSED_DIRTY << 32;
        boolean descriptor = at >= Layout.GDT && at < Layout.TASK;
        if (descriptor && faulted) bits |= DESCRIPTOR_ACCESSED;
        if (!SystemCaseMachine.EMULATED) return bits;
        if (at >= Layout.PAE_POINTERS && at < Layout.PAE_POINTERS + 32) bits |= ACCESSED;
        if (frame.isException) {
            bits |= shifted(RF, frame.flags - at);
            if (stackWasSwitched()) bits |= shifted(0xFFFF, frame.flags + 2 * Long.BYTES - at);
            bits |= shifted(levelBits(expected >>> ((frame.code - at) * Byte.SIZE)), frame.code - at);
            bits |= shifted(errorBits(expected >>> ((frame.error - at) * Byte.SIZE)), frame.error - at);
        }
        return bits;
    }

    /** The bits of an error code that may differ in the lab. */
    private long errorBits(long error) {
        if (real.end() == PF) return ((error & 8) != 0 ? 1 : 0) | (free(NotCompared.READ_MODIFY_WRITE) ? 2 : 0);
        boolean namesGate = frame.hasError && (error & 2) != 0;
        return !namesGate ? 0 : from.mode.isLong ? 0xFFFF : 1;
    }

    /**
     * Whether an SS that the exception pushed is that of an interrupt before it: {@link
     * NotCompared#INTERRUPT_STACK_SAME_LEVEL}.
     */
    private boolean stackWasSwitched() {
        return from.mode.isLong && from.family.equals("interrupts") && real.end() == PF;
    }

    /** The bits of a pushed CS that may differ in the lab: {@link NotCompared#CONFORMING_GATE}. */
    private static long levelBits(long selector) {
        int segment = (int) selector & 0xFFFC;
        return segment == Layout.CONFORMING_0 || segment == Layout.CONFORMING_3 ? 3 : 0;
    }

    private static long shifted(long bits, int offset) {
        return offset >= 0 && offset < Long.BYTES ? bits << (offset * Byte.SIZE) : 0;
    }

    /** Where a handler finds what was pushed for it. */
    private record Frame(boolean isException, boolean hasError, int error, int code, int flags) {
        static Frame of(SystemCase from, SystemOutcome outcome) {
            int vector = outcome.end();
            boolean isException = vector >= 0 && vector < 0x20;
            boolean hasError = vector == 8 || (vector >= 10 && vector <= PF) || vector == 17;
            SpecialRegisters s = outcome.special();
            int slot = from.mode.isLong ? 8 : 4;
            int top = (int) (outcome.registers().rsp() + (from.mode.isLong ? 0 : s.ss().base()));
            int rip = top + (hasError ? slot : 0);
            return new Frame(isException, hasError, top, rip + slot, rip + 2 * slot);
        }
    }

    private boolean free(NotCompared what) {
        return from.notCompared.contains(what);
    }

    private void add(String name, long expected, long actual) {
        long bits = free(NotCompared.LAR_LIMIT) ? ~LAR_UNDEFINED : -1;
        if (((expected ^ actual) & bits) != 0)
            text.append("  %s: real %x, ours %x%n".formatted(name, expected, actual));
    }
}
