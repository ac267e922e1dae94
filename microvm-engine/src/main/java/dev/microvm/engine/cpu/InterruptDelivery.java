package dev.microvm.engine.cpu;

import dev.microvm.engine.decode.Decoded;

/**
 * Takes interrupts and exceptions to their handlers: through the vector table of real mode, or the
 * IDT.
 *
 * <p>Nothing changes before the last access that can fault. Source: Intel SDM vol. 3A, 6.12 to
 * 6.14, and vol. 1, 6.5.
 */
public final class InterruptDelivery {
    /** Where an event comes from. */
    enum Source {
        /** An exception that restarts its instruction. */
        FAULT,
        /** An exception after its instruction. */
        TRAP,
        /** INT n, INT3, INTO: a gate's DPL counts. */
        SOFTWARE,
        /** An interrupt. */
        EXTERNAL
    }

    // Gate types: Intel SDM vol. 3A, table 3-2 and 8-1
    private static final int GATE_INTERRUPT_16 = 0x6;
    private static final int GATE_TRAP_16 = 0x7;
    private static final int GATE_INTERRUPT = 0xE;
    private static final int GATE_TRAP = 0xF;
    private static final int GATE_IS_32 = 0x8;
    private static final int GATE_IS_TRAP = 0x1;

    // Error code of a fault at a descriptor: Intel SDM vol. 3A, figure 6-7
    private static final int ERROR_EXTERNAL = 1;
    private static final int ERROR_IDT = 2;

    private static final int VECTOR_MASK = 0xFF;

    /**
     * What an interrupt of virtual-8086 mode pushes and clears, in this order: Intel SDM vol. 3A,
     * 21.3.1.
     */
    private static final int[] VIRTUAL_8086_DATA = {Decoded.GS, Decoded.FS, Decoded.DS, Decoded.ES};

    private final Cpu cpu;

    InterruptDelivery(Cpu cpu) {
        this.cpu = cpu;
    }

    /**
     * Delivers an event.
     *
     * @param errorCode or {@link GuestFault#NO_ERROR_CODE}
     * @param returnRip what the handler returns to
     */
    void deliver(int vector, int errorCode, long returnRip, Source source) {
        cpu.loop.interruptShadow = false;
        if (!cpu.protectedMode()) {
            deliverReal(vector & VECTOR_MASK, returnRip);
        } else if (cpu.longMode()) {
            deliverLong(vector, errorCode, returnRip, source);
        } else {
            deliverProtected(vector, errorCode, returnRip, source);
        }
    }

    /**
     * Delivers an exception; what goes wrong on the way becomes another: Intel SDM vol. 3A, 6.15.
     */
    boolean exception(int firstVector, int firstError) {
        int vector = firstVector;
        int error = firstError;
        while (true) {
            try {
                cpu.mmu.select(cpu.cpl == 3);
                deliver(vector, error, cpu.rip, Source.FAULT);
                return true;
            } catch (GuestFault second) {
                if (vector == Vectors.DF) return false;
                boolean doubled = (contributory(vector) && contributory(second.vector))
                        || (vector == Vectors.PF && (second.vector == Vectors.PF || contributory(second.vector)));
                vector = doubled ? Vectors.DF : second.vector;
                error = doubled ? 0 : second.errorCode;
            }
        }
    }

    private static boolean contributory(int vector) {
        return vector == Vectors.DE || (vector >= Vectors.TS && vector <= Vectors.GP);
    }

    // Instructions that interrupt

    /** INT n, INTO. It clears TF, and so is not followed by a single-step trap. */
    public void software(int vector, Instruction at) {
        byInstruction(vector, at, Source.SOFTWARE);
    }

    /** INT3, which a debugger on the host may want. */
    public void breakpoint(Instruction at) {
        if (cpu.debug.hostTakesInt3()) throw cpu.fault(GuestFault.TO_HOST, at);
        software(Vectors.BP, at);
    }

    /** INT1, whose gate needs no privilege: Intel SDM vol. 2A, INT n. */
    public void debugTrap(Instruction at) {
        byInstruction(Vectors.DB, at, Source.TRAP);
    }

    private void byInstruction(int vector, Instruction at, Source source) {
        cpu.rip = at.rip(cpu);
        cpu.loop.trapNoMore();
        deliver(vector, GuestFault.NO_ERROR_CODE, at.nextRip(cpu), source);
    }

    // Delivery

    /**
     * Faults set RF, so that breakpoints do not hit again, but for those of breakpoints: vol. 3B,
     * 18.3.1.1.
     */
    private int pushedFlags(int vector, Source source) {
        int all = Flags.all(cpu);
        return source == Source.FAULT && vector != Vectors.DB ? all | Flags.RF : all;
    }

    private static int errorOf(int vector, Source source) {
        return vector << 3 | ERROR_IDT | (source == Source.SOFTWARE ? 0 : ERROR_EXTERNAL);
    }

    @SuppressWarnings("NullAway") // RIP is set
    private void deliverReal(int vector, long returnRip) {
        if (vector * 4 + 3 > cpu.idtLimit) throw cpu.fault(Vectors.GP, null);
        int pointer = cpu.mmu.load32(cpu.idtBase + vector * 4L, null);
        StackFrame stack = new StackFrame(cpu, cpu.segments[Cpu.SS], cpu.r[Cpu.RSP], 2);
        stack.push(Flags.all(cpu));
        stack.push(cpu.segments[Cpu.CS].selector);
        stack.push(returnRip);
        cpu.r[Cpu.RSP] = stack.pointer();
        cpu.flags &= ~(Flags.IF | Flags.TF | Flags.AC | Flags.RF);
        cpu.segmentLoader.loadReal(Cpu.CS, pointer >>> 16);
        cpu.rip = pointer & 0xFFFF;
    }

    private void deliverProtected(int vector, int errorCode, long returnRip, Source source) {
        int error = errorOf(vector, source);
        if (vector * 8 + 7 > cpu.idtLimit) throw cpu.fault(Vectors.GP, error, null);
        long gate = cpu.segmentLoader.readSystem(cpu.idtBase + vector * 8L, null);
        int attributes = (int) (gate >>> 32);
        int type = (attributes & (Segment.TYPE | Segment.CODE_OR_DATA)) >> Segment.TYPE_SHIFT;
        boolean known =
                type == GATE_INTERRUPT || type == GATE_TRAP || type == GATE_INTERRUPT_16 || type == GATE_TRAP_16;
        if (!known || (source == Source.SOFTWARE && Segment.dplOf(attributes) < cpu.cpl)) {
            throw cpu.fault(Vectors.GP, error, null);
        }
        if ((attributes & Segment.PRESENT) == 0) throw cpu.fault(Vectors.NP, error, null);
        int size = (type & GATE_IS_32) != 0 ? 4 : 2;
        long offset = size == 4 ? (gate & 0xFFFF) | (gate >>> 32 & 0xFFFF_0000L) : gate & 0xFFFF;
        int selector = (int) (gate >>> 16) & 0xFFFF;
        int external = source == Source.SOFTWARE ? 0 : ERROR_EXTERNAL;
        long code = handlerSegment(selector, external);
        int newCpl = newCpl(code);
        cpu.segmentLoader.requireInside(code, offset, external);

        boolean fromVirtual8086 = cpu.virtual8086();
        if (fromVirtual8086 && newCpl != 0) throw cpu.fault(Vectors.GP, (selector & ~3) | external, null);
        boolean inner = newCpl < cpu.cpl;
        Segment oldStack = cpu.segments[Cpu.SS];
        Segment stackSegment = oldStack;
        long pointer = cpu.r[Cpu.RSP];
        if (inner) {
            stackSegment = new Segment();
            pointer = cpu.taskState.stack(newCpl, stackSegment, external);
        }
        int flags = pushedFlags(vector, source);
        int oldCpl = cpu.cpl;
        cpu.mmu.select(newCpl == 3);
        StackFrame stack = new StackFrame(cpu, stackSegment, pointer, size);
        if (fromVirtual8086) {
            for (int segment : VIRTUAL_8086_DATA) stack.push(cpu.segments[segment].selector);
        }
        if (inner) {
            stack.push(oldStack.selector);
            stack.push(cpu.r[Cpu.RSP]);
        }
        stack.push(flags);
        stack.push(cpu.segments[Cpu.CS].selector);
        stack.push(returnRip);
        if (errorCode != GuestFault.NO_ERROR_CODE) stack.push(errorCode);

        if (inner) {
            cpu.segments[Cpu.SS] = stackSegment;
            cpu.segmentation.changed(Cpu.SS);
        }
        cpu.r[Cpu.RSP] = stack.pointer();
        enterHandler(type, selector, code, inner ? newCpl : oldCpl, offset);
        if (fromVirtual8086) clearDataSegments();
    }

    private void clearDataSegments() {
        for (int segment : VIRTUAL_8086_DATA) {
            cpu.segments[segment].loadNull(0);
            cpu.segmentation.changed(segment);
        }
    }

    private void deliverLong(int vector, int errorCode, long returnRip, Source source) {
        int error = errorOf(vector, source);
        if (vector * 16 + 15 > cpu.idtLimit) throw cpu.fault(Vectors.GP, error, null);
        long gate = cpu.segmentLoader.readSystem(cpu.idtBase + vector * 16L, null);
        long offsetHigh = cpu.segmentLoader.readSystem(cpu.idtBase + vector * 16L + 8, null);
        int attributes = (int) (gate >>> 32);
        int type = (attributes & (Segment.TYPE | Segment.CODE_OR_DATA)) >> Segment.TYPE_SHIFT;
        if ((type != GATE_INTERRUPT && type != GATE_TRAP)
                || (source == Source.SOFTWARE && Segment.dplOf(attributes) < cpu.cpl)) {
            throw cpu.fault(Vectors.GP, error, null);
        }
        if ((attributes & Segment.PRESENT) == 0) throw cpu.fault(Vectors.NP, error, null);
        long offset = (gate & 0xFFFF) | (gate >>> 32 & 0xFFFF_0000L) | offsetHigh << 32;
        int selector = (int) (gate >>> 16) & 0xFFFF;
        int external = source == Source.SOFTWARE ? 0 : ERROR_EXTERNAL;
        long code = handlerSegment(selector, external);
        if ((code >>> 32 & Segment.LONG) == 0) throw cpu.fault(Vectors.GP, (selector & ~3) | external, null);
        int newCpl = newCpl(code);
        cpu.segmentLoader.requireInside(code, offset, external);

        int ist = attributes & 7;
        long pointer = cpu.r[Cpu.RSP];
        if (ist != 0) {
            pointer = cpu.taskState.interruptPointer(ist, external);
        } else if (newCpl < cpu.cpl) {
            pointer = cpu.taskState.pointer(newCpl, external);
        }
        if (!cpu.canonical(pointer)) throw cpu.fault(Vectors.SS, external, null);
        pointer &= -16L;
        cpu.mmu.select(newCpl == 3);
        push64(pointer -= 8, cpu.segments[Cpu.SS].selector);
        push64(pointer -= 8, cpu.r[Cpu.RSP]);
        push64(pointer -= 8, pushedFlags(vector, source));
        push64(pointer -= 8, cpu.segments[Cpu.CS].selector);
        push64(pointer -= 8, returnRip);
        if (errorCode != GuestFault.NO_ERROR_CODE) push64(pointer -= 8, errorCode);

        if (newCpl != cpu.cpl) {
            cpu.segments[Cpu.SS].loadNull(newCpl);
            cpu.segments[Cpu.SS].attributes = newCpl << Segment.DPL_SHIFT;
            cpu.segmentation.changed(Cpu.SS);
        }
        cpu.r[Cpu.RSP] = pointer;
        enterHandler(type, selector, code, newCpl, offset);
    }

    @SuppressWarnings("NullAway") // RIP is set
    private void push64(long address, long value) {
        cpu.mmu.store64(address, value, null);
    }

    private void enterHandler(int type, int selector, long code, int newCpl, long offset) {
        cpu.flags &= ~(Flags.TF | Flags.NT | Flags.RF | Flags.VM);
        if ((type & GATE_IS_TRAP) == 0) cpu.flags &= ~Flags.IF;
        cpu.segmentLoader.loadCode(selector, code, newCpl);
        cpu.rip = offset;
    }

    /** The checked descriptor of a handler's code segment. */
    private long handlerSegment(int selector, int external) {
        int error = (selector & ~SegmentLoader.SELECTOR_RPL) | external;
        if ((selector & ~SegmentLoader.SELECTOR_RPL) == 0) throw cpu.fault(Vectors.GP, external, null);
        if (!cpu.segmentLoader.inTable(selector)) throw cpu.fault(Vectors.GP, error, null);
        long code = cpu.segmentLoader.descriptor(selector, Vectors.GP, null);
        int attributes = (int) (code >>> 32);
        boolean isCode = (attributes & (Segment.CODE_OR_DATA | Segment.CODE)) == (Segment.CODE_OR_DATA | Segment.CODE);
        if (!isCode || Segment.dplOf(attributes) > cpu.cpl) throw cpu.fault(Vectors.GP, error, null);
        if ((attributes & Segment.PRESENT) == 0) throw cpu.fault(Vectors.NP, error, null);
        return cpu.segmentLoader.accessed(selector, code, null);
    }

    private int newCpl(long code) {
        int attributes = (int) (code >>> 32);
        return (attributes & Segment.EXPAND_DOWN_OR_CONFORMING) != 0 ? cpu.cpl : Segment.dplOf(attributes);
    }
}
