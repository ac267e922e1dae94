package dev.microvm.engine.cpu;

import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;

/**
 * Far jumps, calls and returns, and IRET. Call gates and task gates are not there: a selector of one is #GP.
 *
 * <p>Each method sets CS and RIP; the caller goes on at {@link Cpu#rip}. Source: Intel SDM vol. 2, JMP, CALL, RET, IRET.
 */
public final class FarTransfers {
    private final Cpu cpu;

    FarTransfers(Cpu cpu) {
        this.cpu = cpu;
    }

    /** JMP far. */
    public void jump(int selector, long offset, Instruction at) {
        cpu.rip = at.rip(cpu);
        if (cpu.realSegments()) {
            cpu.segmentLoader.loadReal(Cpu.CS, selector);
        } else {
            long code = target(selector);
            requireOffset(code, offset);
            cpu.segmentLoader.loadCode(selector, code, cpu.cpl);
        }
        cpu.rip = offset;
    }

    /** #GP(0) for an offset that the segment does not have. */
    private void requireOffset(long code, long offset) {
        boolean toLong = cpu.longMode() && (code >>> 32 & Segment.LONG) != 0;
        boolean allowed =
                toLong ? cpu.canonical(offset) : (offset & 0xFFFF_FFFFL) <= (SegmentLoader.limit(code) & 0xFFFF_FFFFL);
        if (!allowed) throw cpu.fault(Vectors.GP, 0, null);
    }

    /** CALL far. */
    public void call(int selector, long offset, int size, Instruction at) {
        cpu.rip = at.rip(cpu);
        long code = cpu.realSegments() ? 0 : target(selector);
        if (!cpu.realSegments()) requireOffset(code, offset);
        long back = at.nextRip(cpu);
        if (cpu.mode() == CodeMode.BITS_64) {
            long pointer = cpu.r[Cpu.RSP];
            cpu.mmu.store(pointer - size, cpu.segments[Cpu.CS].selector, size, at);
            cpu.mmu.store(pointer - 2L * size, back, size, at);
            cpu.r[Cpu.RSP] = pointer - 2L * size;
        } else {
            StackFrame stack = new StackFrame(cpu, cpu.segments[Cpu.SS], cpu.r[Cpu.RSP], size);
            stack.push(cpu.segments[Cpu.CS].selector);
            stack.push(back);
            cpu.r[Cpu.RSP] = stack.pointer();
        }
        if (cpu.realSegments()) {
            cpu.segmentLoader.loadReal(Cpu.CS, selector);
        } else {
            cpu.segmentLoader.loadCode(selector, code, cpu.cpl);
        }
        cpu.rip = offset;
    }

    /** The checked descriptor of a code segment of the same privilege. */
    private long target(int selector) {
        int error = selector & ~SegmentLoader.SELECTOR_RPL;
        if (error == 0) throw cpu.fault(Vectors.GP, 0, null);
        long code = cpu.segmentLoader.descriptor(selector, Vectors.GP, null);
        int attributes = (int) (code >>> 32);
        requireCode(attributes, error);
        int dpl = Segment.dplOf(attributes);
        boolean conforming = (attributes & Segment.EXPAND_DOWN_OR_CONFORMING) != 0;
        boolean allowed =
                conforming ? dpl <= cpu.cpl : dpl == cpu.cpl && (selector & SegmentLoader.SELECTOR_RPL) <= cpu.cpl;
        if (!allowed) throw cpu.fault(Vectors.GP, error, null);
        if ((attributes & Segment.PRESENT) == 0) throw cpu.fault(Vectors.NP, error, null);
        return cpu.segmentLoader.accessed(selector, code, null);
    }

    private void requireCode(int attributes, int error) {
        boolean isCode = (attributes & (Segment.CODE_OR_DATA | Segment.CODE)) == (Segment.CODE_OR_DATA | Segment.CODE);
        boolean both = cpu.longMode() && (attributes & Segment.LONG) != 0 && (attributes & Segment.DEFAULT_32) != 0;
        if (!isCode || both) throw cpu.fault(Vectors.GP, error, null);
    }

    /** The checked descriptor of a code segment to return to. */
    private long returnTarget(int selector) {
        int error = selector & ~SegmentLoader.SELECTOR_RPL;
        int rpl = selector & SegmentLoader.SELECTOR_RPL;
        if (error == 0) throw cpu.fault(Vectors.GP, 0, null);
        long code = cpu.segmentLoader.descriptor(selector, Vectors.GP, null);
        int attributes = (int) (code >>> 32);
        requireCode(attributes, error);
        int dpl = Segment.dplOf(attributes);
        boolean conforming = (attributes & Segment.EXPAND_DOWN_OR_CONFORMING) != 0;
        if (rpl < cpu.cpl || (conforming ? dpl > rpl : dpl != rpl)) throw cpu.fault(Vectors.GP, error, null);
        if ((attributes & Segment.PRESENT) == 0) throw cpu.fault(Vectors.NP, error, null);
        return cpu.segmentLoader.accessed(selector, code, null);
    }

    /**
     * RET far.
     *
     * @param size of a slot on the stack
     * @param extra bytes to take off beside
     */
    public void ret(int size, int extra, Instruction at) {
        cpu.rip = at.rip(cpu);
        Reader stack = new Reader(size);
        long rip = stack.pop();
        int selector = (int) stack.pop() & 0xFFFF;
        stack.skip(extra);
        if (cpu.realSegments()) {
            cpu.r[Cpu.RSP] = stack.pointer();
            cpu.segmentLoader.loadReal(Cpu.CS, selector);
            cpu.rip = rip;
            return;
        }
        long code = returnTarget(selector);
        finishReturn(stack, rip, selector, code, (selector & SegmentLoader.SELECTOR_RPL) > cpu.cpl, extra);
    }

    private void finishReturn(Reader stack, long rip, int selector, long code, boolean outer, int extra) {
        int newCpl = selector & SegmentLoader.SELECTOR_RPL;
        requireOffset(code, rip);
        if (!outer) {
            cpu.r[Cpu.RSP] = stack.pointer();
            cpu.segmentLoader.loadCode(selector, code, newCpl);
            cpu.rip = rip;
            return;
        }
        long pointer = stack.pop();
        int stackSelector = (int) stack.pop() & 0xFFFF;
        switchOut(rip, selector, code, pointer, stackSelector);
        cpu.r[Cpu.RSP] += extra;
    }

    /** Loads CS and SS of an outer privilege level (or, in 64-bit mode, of the same). */
    private void switchOut(long rip, int selector, long code, long pointer, int stackSelector) {
        int newCpl = selector & SegmentLoader.SELECTOR_RPL;
        boolean toLong = cpu.longMode() && (code >>> 32 & Segment.LONG) != 0;
        int error = stackSelector & ~SegmentLoader.SELECTOR_RPL;
        boolean changes = newCpl != cpu.cpl;
        if (error == 0) {
            boolean allowed = toLong && newCpl != 3 && (stackSelector & SegmentLoader.SELECTOR_RPL) == newCpl;
            if (!allowed) throw cpu.fault(Vectors.GP, 0, null);
            cpu.segmentLoader.loadCode(selector, code, newCpl);
            cpu.segments[Cpu.SS].loadNull(stackSelector);
            cpu.segments[Cpu.SS].attributes = newCpl << Segment.DPL_SHIFT;
        } else {
            long data = cpu.segmentLoader.descriptor(stackSelector, Vectors.GP, null);
            int attributes = (int) (data >>> 32);
            boolean writable = (attributes & (Segment.CODE_OR_DATA | Segment.CODE | Segment.WRITABLE_OR_READABLE))
                    == (Segment.CODE_OR_DATA | Segment.WRITABLE_OR_READABLE);
            boolean allowed = writable
                    && (stackSelector & SegmentLoader.SELECTOR_RPL) == newCpl
                    && Segment.dplOf(attributes) == newCpl;
            if (!allowed) throw cpu.fault(Vectors.GP, error, null);
            if ((attributes & Segment.PRESENT) == 0) throw cpu.fault(Vectors.SS, error, null);
            data = cpu.segmentLoader.accessed(stackSelector, data, null);
            cpu.segmentLoader.loadCode(selector, code, newCpl);
            cpu.segments[Cpu.SS].load(stackSelector, data);
        }
        cpu.segmentChanged(Cpu.SS);
        boolean narrow = cpu.mode() != CodeMode.BITS_64 && !cpu.segments[Cpu.SS].is32();
        cpu.r[Cpu.RSP] = narrow ? (cpu.r[Cpu.RSP] & ~0xFFFFL) | (pointer & 0xFFFF) : pointer;
        cpu.rip = rip;
        if (changes) dropInnerSegments(newCpl);
    }

    /** Segments that the outer level may not use become null: Intel SDM vol. 2B, RET. */
    private void dropInnerSegments(int newCpl) {
        for (int i : new int[] {Decoded.ES, Decoded.DS, Decoded.FS, Decoded.GS}) {
            Segment segment = cpu.segments[i];
            boolean conforming = segment.isCode() && (segment.attributes & Segment.EXPAND_DOWN_OR_CONFORMING) != 0;
            if (segment.usable && !conforming && segment.dpl() < newCpl) {
                segment.loadNull(0);
                cpu.segmentChanged(i);
            }
        }
    }

    /** IRET, of any width. */
    public void iret(int size, Instruction at) {
        cpu.rip = at.rip(cpu);
        if (cpu.virtual8086() && cpu.iopl() < 3) throw cpu.fault(Vectors.GP, 0, null);
        if (cpu.protectedMode() && !cpu.virtual8086() && (cpu.flags & Flags.NT) != 0) {
            throw cpu.fault(Vectors.GP, 0, null); // in long mode; elsewhere a task switch, which is not there
        }
        Reader stack = new Reader(size);
        long rip = stack.pop();
        int selector = (int) stack.pop() & 0xFFFF;
        int flags = (int) stack.pop();
        if (cpu.realSegments()) {
            cpu.r[Cpu.RSP] = stack.pointer();
            cpu.segmentLoader.loadReal(Cpu.CS, selector);
            cpu.rip = rip;
            setFlags(flags, size, cpu.virtual8086() ? Flags.IOPL : 0);
        } else if ((flags & Flags.VM) != 0 && size == 4 && cpu.cpl == 0 && !cpu.longMode()) {
            toVirtual8086(stack, rip, selector, flags);
        } else {
            toProtected(stack, rip, selector, flags, size);
        }
        cpu.nmiMasked = false;
        cpu.attend();
    }

    private void toProtected(Reader stack, long rip, int selector, int flags, int size) {
        long code = returnTarget(selector);
        boolean outer = (selector & SegmentLoader.SELECTOR_RPL) > cpu.cpl;
        int kept = (cpu.cpl > 0 ? Flags.IOPL : 0) | (cpu.cpl > cpu.iopl() ? Flags.IF : 0) | Flags.VIF | Flags.VIP;
        if (cpu.cpl == 0) kept &= ~(Flags.VIF | Flags.VIP);
        if (cpu.mode() == CodeMode.BITS_64) {
            long pointer = stack.pop();
            int stackSelector = (int) stack.pop() & 0xFFFF;
            requireOffset(code, rip);
            switchOut(rip, selector, code, pointer, stackSelector);
        } else {
            finishReturn(stack, rip, selector, code, outer, 0);
        }
        setFlags(flags, size, kept | Flags.VM);
    }

    private void setFlags(int flags, int size, int kept) {
        int allKept = size == 2 ? kept | ~0xFFFF : kept;
        Flags.all(cpu, (flags & ~allKept) | (cpu.flags & allKept));
    }

    private void toVirtual8086(Reader stack, long rip, int selector, int flags) {
        long pointer = stack.pop();
        int stackSelector = (int) stack.pop() & 0xFFFF;
        int[] others = {Decoded.ES, Decoded.DS, Decoded.FS, Decoded.GS};
        int[] selectors = new int[others.length];
        for (int i = 0; i < others.length; i++) selectors[i] = (int) stack.pop() & 0xFFFF;
        Flags.all(cpu, flags);
        cpu.segmentLoader.loadReal(Cpu.CS, selector);
        cpu.segmentLoader.loadReal(Cpu.SS, stackSelector);
        for (int i = 0; i < others.length; i++) cpu.segmentLoader.loadReal(others[i], selectors[i]);
        cpu.cpl(3);
        cpu.updateMode();
        cpu.r[Cpu.RSP] = pointer;
        cpu.rip = rip & 0xFFFF;
    }

    /** Pops from the current stack without moving it. */
    private final class Reader {
        private final int size;
        private final boolean flat = cpu.mode() == CodeMode.BITS_64;
        private final StackFrame frame;
        private long pointer = cpu.r[Cpu.RSP];

        Reader(int size) {
            this.size = size;
            this.frame = new StackFrame(cpu, cpu.segments[Cpu.SS], cpu.r[Cpu.RSP], size);
        }

        @SuppressWarnings("NullAway") // RIP is set
        long pop() {
            if (!flat) return frame.pop();
            long value = cpu.mmu.load(pointer, size, null);
            pointer += size;
            return value;
        }

        void skip(int bytes) {
            frame.skip(bytes);
            pointer += bytes;
        }

        long pointer() {
            return flat ? pointer : frame.pointer();
        }
    }
}
