package dev.microvm.engine.cpu;

import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;

/**
 * Far jumps, calls and returns, call gates, and IRET. Task switches are not there: a selector of a
 * task-state segment or task gate is #GP.
 *
 * <p>Each method sets CS and RIP; the caller continues at {@link Cpu#rip}. Source: Intel SDM vol.
 * 2, JMP, CALL, RET, IRET, and vol. 3A, 5.8.
 */
public final class FarTransfers {
    // Call gates: Intel SDM vol. 3A, figures 5-8 and 5-9
    private static final int CALL_GATE_16 = 0x4;
    private static final int CALL_GATE = 0xC;
    private static final int GATE_IS_32 = 8 << Segment.TYPE_SHIFT;
    private static final int GATE_PARAMETERS = 0x1F;

    private final Cpu cpu;

    FarTransfers(Cpu cpu) {
        this.cpu = cpu;
    }

    /** JMP far. */
    public void jump(int selector, long offset, Instruction at) {
        cpu.rip = at.rip(cpu);
        if (cpu.realSegments()) {
            cpu.segmentLoader.loadReal(Cpu.CS, selector);
            cpu.rip = offset;
            return;
        }
        long descriptor = target(selector);
        if (isCallGate(descriptor)) {
            int to = gateSelector(descriptor);
            go(to, sameLevel(to), gateOffset(selector, descriptor));
        } else {
            go(selector, checkLevel(selector, descriptor), offset);
        }
    }

    private void go(int selector, long code, long offset) {
        cpu.segmentLoader.requireInside(code, offset, 0);
        cpu.segmentLoader.loadCode(selector, code, cpu.cpl);
        cpu.rip = offset;
    }

    /** CALL far. */
    public void call(int selector, long offset, int size, Instruction at) {
        cpu.rip = at.rip(cpu);
        long back = at.nextRip(cpu);
        if (cpu.realSegments()) {
            Writer stack = new Writer(size);
            stack.push(cpu.segments[Cpu.CS].selector);
            stack.push(back);
            stack.commit();
            cpu.segmentLoader.loadReal(Cpu.CS, selector);
            cpu.rip = offset;
            return;
        }
        long descriptor = target(selector);
        if (isCallGate(descriptor)) {
            callGate(selector, descriptor, back);
        } else {
            callSame(selector, checkLevel(selector, descriptor), offset, size, back);
        }
    }

    private void callSame(int selector, long code, long offset, int size, long back) {
        cpu.segmentLoader.requireInside(code, offset, 0);
        Writer stack = new Writer(size);
        stack.push(cpu.segments[Cpu.CS].selector);
        stack.push(back);
        stack.commit();
        cpu.segmentLoader.loadCode(selector, code, cpu.cpl);
        cpu.rip = offset;
    }

    // Call gates: vol. 3A, 5.8.3 and 5.8.3.1

    private static boolean isCallGate(long descriptor) {
        return (descriptor >>> 32 & Segment.CODE_OR_DATA) == 0;
    }

    private static int gateSelector(long gate) {
        return (int) (gate >>> 16) & 0xFFFF;
    }

    private static boolean isWide(long gate) {
        return (gate >>> 32 & GATE_IS_32) != 0;
    }

    private long gateOffset(int selector, long gate) {
        if (!isWide(gate)) return gate & 0xFFFF;
        long offset = (gate & 0xFFFF) | (gate >>> 32 & 0xFFFF_0000L);
        return cpu.longMode() ? offset | cpu.segmentLoader.upperHalf(selector, null) << 32 : offset;
    }

    private void callGate(int selector, long gate, long back) {
        int to = gateSelector(gate);
        long offset = gateOffset(selector, gate);
        int size = cpu.longMode() ? 8 : isWide(gate) ? 4 : 2;
        long code = codeOf(to);
        int attributes = (int) (code >>> 32);
        int level = Segment.dplOf(attributes);
        if ((attributes & Segment.EXPAND_DOWN_OR_CONFORMING) != 0 || level == cpu.cpl) {
            callSame(to, code, offset, size, back);
            return;
        }
        cpu.segmentLoader.requireInside(code, offset, 0);
        if (cpu.longMode()) {
            callInnerLong(to, code, offset, level, back);
        } else {
            callInner(to, code, offset, level, back, size, (int) (gate >>> 32) & GATE_PARAMETERS);
        }
    }

    private void callInner(int to, long code, long offset, int level, long back, int size, int parameters) {
        Segment segment = new Segment();
        long pointer = cpu.taskState.stack(level, segment, 0);
        long[] copied = new long[parameters];
        Reader old = new Reader(size);
        for (int i = 0; i < parameters; i++) copied[i] = old.pop();
        cpu.mmu.select(false);
        StackFrame stack = new StackFrame(cpu, segment, pointer, size);
        stack.push(cpu.segments[Cpu.SS].selector);
        stack.push(cpu.r[Cpu.RSP]);
        for (int i = parameters - 1; i >= 0; i--) stack.push(copied[i]);
        stack.push(cpu.segments[Cpu.CS].selector);
        stack.push(back);
        cpu.segments[Cpu.SS] = segment;
        cpu.segmentation.changed(Cpu.SS);
        cpu.r[Cpu.RSP] = stack.pointer();
        cpu.segmentLoader.loadCode(to, code, level);
        cpu.rip = offset;
    }

    private void callInnerLong(int to, long code, long offset, int level, long back) {
        long pointer = cpu.taskState.pointer(level, 0);
        if (!cpu.canonical(pointer)) throw cpu.fault(Vectors.SS, 0, null);
        long[] frame = {cpu.segments[Cpu.SS].selector, cpu.r[Cpu.RSP], cpu.segments[Cpu.CS].selector, back};
        cpu.mmu.select(false);
        for (long each : frame) {
            pointer -= 8;
            push64(pointer, each);
        }
        cpu.segments[Cpu.SS].loadNull(level);
        cpu.segments[Cpu.SS].attributes = level << Segment.DPL_SHIFT;
        cpu.segmentation.changed(Cpu.SS);
        cpu.r[Cpu.RSP] = pointer;
        cpu.segmentLoader.loadCode(to, code, level);
        cpu.rip = offset;
    }

    @SuppressWarnings("NullAway") // RIP is set
    private void push64(long address, long value) {
        requireCanonical(address, Long.BYTES);
        cpu.mmu.store64(address, value, null);
    }

    /**
     * #SS(0) for a place of the stack whose address is not canonical: Intel SDM vol. 1, 3.3.7.1.
     */
    private void requireCanonical(long linear, int size) {
        if (!cpu.canonical(linear) || !cpu.canonical(linear + size - 1)) throw cpu.fault(Vectors.SS, 0, null);
    }

    // Descriptors

    /**
     * The descriptor that a far jump or call names: of code, which is not checked further, or of a
     * call gate, which is.
     */
    private long target(int selector) {
        int error = selector & ~SegmentLoader.SELECTOR_RPL;
        if (error == 0) throw cpu.fault(Vectors.GP, 0, null);
        long descriptor = cpu.segmentLoader.descriptor(selector, Vectors.GP, null);
        if (!isCallGate(descriptor)) return descriptor;
        int attributes = (int) (descriptor >>> 32);
        int type = (attributes & Segment.TYPE) >> Segment.TYPE_SHIFT;
        boolean known = type == CALL_GATE || (type == CALL_GATE_16 && !cpu.longMode());
        boolean allowed = Segment.dplOf(attributes) >= Math.max(cpu.cpl, selector & SegmentLoader.SELECTOR_RPL);
        if (!known || !allowed) throw cpu.fault(Vectors.GP, error, null);
        if ((attributes & Segment.PRESENT) == 0) throw cpu.fault(Vectors.NP, error, null);
        if (cpu.longMode() && (cpu.segmentLoader.upperHalf(selector, null) >>> 32 & SegmentLoader.UPPER_TYPE) != 0) {
            throw cpu.fault(Vectors.GP, error, null);
        }
        return descriptor;
    }

    /** Checks a code segment that was named directly; RPL counts. */
    private long checkLevel(int selector, long code) {
        int error = selector & ~SegmentLoader.SELECTOR_RPL;
        int attributes = (int) (code >>> 32);
        requireCode(attributes, error);
        boolean conforming = (attributes & Segment.EXPAND_DOWN_OR_CONFORMING) != 0;
        if (!conforming && (selector & SegmentLoader.SELECTOR_RPL) > cpu.cpl) throw cpu.fault(Vectors.GP, error, null);
        return requireSameLevel(selector, code);
    }

    private long requireSameLevel(int selector, long code) {
        int error = selector & ~SegmentLoader.SELECTOR_RPL;
        int attributes = (int) (code >>> 32);
        int dpl = Segment.dplOf(attributes);
        boolean conforming = (attributes & Segment.EXPAND_DOWN_OR_CONFORMING) != 0;
        if (conforming ? dpl > cpu.cpl : dpl != cpu.cpl) throw cpu.fault(Vectors.GP, error, null);
        if ((attributes & Segment.PRESENT) == 0) throw cpu.fault(Vectors.NP, error, null);
        return cpu.segmentLoader.accessed(selector, code, null);
    }

    /** The code segment that is the target of a JMP by a call gate. */
    private long sameLevel(int selector) {
        return requireSameLevel(selector, codeOf(selector));
    }

    /** The code segment in a call gate: of this or an inner level; in long mode of 64-bit code. */
    private long codeOf(int selector) {
        int error = selector & ~SegmentLoader.SELECTOR_RPL;
        if (error == 0) throw cpu.fault(Vectors.GP, 0, null);
        long code = cpu.segmentLoader.descriptor(selector, Vectors.GP, null);
        int attributes = (int) (code >>> 32);
        requireCode(attributes, error);
        boolean wrongSize = cpu.longMode() && (attributes & Segment.LONG) == 0;
        if (wrongSize || Segment.dplOf(attributes) > cpu.cpl) throw cpu.fault(Vectors.GP, error, null);
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
        cpu.segmentLoader.requireInside(code, rip, 0);
        finishReturn(stack, rip, selector, code, (selector & SegmentLoader.SELECTOR_RPL) > cpu.cpl, extra);
    }

    private void finishReturn(Reader stack, long rip, int selector, long code, boolean outer, int extra) {
        int newCpl = selector & SegmentLoader.SELECTOR_RPL;
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
        cpu.segmentation.changed(Cpu.SS);
        boolean narrow = cpu.mode() != CodeMode.BITS_64 && !cpu.segments[Cpu.SS].is32();
        cpu.r[Cpu.RSP] = narrow ? (cpu.r[Cpu.RSP] & ~0xFFFFL) | (pointer & 0xFFFF) : pointer;
        cpu.rip = rip;
        if (changes) dropInnerSegments(newCpl);
    }

    /**
     * Segments that the outer level may not use become null: Intel SDM vol. 2B, RET. The bases of
     * FS and GS stay, as 64-bit code uses them whatever the selectors are.
     */
    private void dropInnerSegments(int newCpl) {
        for (int i : new int[] {Decoded.ES, Decoded.DS, Decoded.FS, Decoded.GS}) {
            Segment segment = cpu.segments[i];
            boolean conforming = segment.isCode() && (segment.attributes & Segment.EXPAND_DOWN_OR_CONFORMING) != 0;
            if (segment.usable && !conforming && segment.dpl() < newCpl) {
                segment.invalidate();
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
        cpu.loop.nmiMasked = false;
        cpu.loop.attend();
    }

    private void toProtected(Reader stack, long rip, int selector, int flags, int size) {
        long code = returnTarget(selector);
        cpu.segmentLoader.requireInside(code, rip, 0);
        boolean outer = (selector & SegmentLoader.SELECTOR_RPL) > cpu.cpl;
        int kept = (cpu.cpl > 0 ? Flags.IOPL : 0) | (cpu.cpl > cpu.iopl() ? Flags.IF : 0) | Flags.VIF | Flags.VIP;
        if (cpu.cpl == 0) kept &= ~(Flags.VIF | Flags.VIP);
        if (cpu.mode() == CodeMode.BITS_64) {
            long pointer = stack.pop();
            int stackSelector = (int) stack.pop() & 0xFFFF;
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
            requireCanonical(pointer, size);
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

    /** Pushes to the current stack, which moves when all is done. */
    private final class Writer {
        private final int size;
        private final boolean flat = cpu.mode() == CodeMode.BITS_64;
        private final StackFrame frame;
        private long pointer = cpu.r[Cpu.RSP];

        Writer(int size) {
            this.size = size;
            this.frame = new StackFrame(cpu, cpu.segments[Cpu.SS], cpu.r[Cpu.RSP], size);
        }

        @SuppressWarnings("NullAway") // RIP is set
        void push(long value) {
            if (flat) {
                pointer -= size;
                requireCanonical(pointer, size);
                cpu.mmu.store(pointer, value, size, null);
            } else {
                frame.push(value);
            }
        }

        void commit() {
            cpu.r[Cpu.RSP] = flat ? pointer : frame.pointer();
        }
    }
}
