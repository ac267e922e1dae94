package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicRegisters.*;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The registers of a local APIC, as xAPIC mode shows them: Intel SDM vol. 3A, table 11-1. Guarded
 * by the lock of its {@link LocalApic}, which does what a write to EOI or ICR asks for.
 */
final class ApicRegisterFile {
    private static final ValueLayout.OfInt WORD = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int VECTOR_REGISTERS = 8;

    final LocalVectorTable lvt = new LocalVectorTable();
    final VectorSet isr = new VectorSet();
    final VectorSet tmr = new VectorSet();
    final VectorSet irr = new VectorSet();
    private final ApicTimer timer;
    private final int id;
    private boolean x2Apic; // changes how ID and LDR read
    private int tpr;
    private int ldr;
    private int dfr;
    private int svr;
    private int errors; // since they were latched last
    private int latchedErrors;
    private long icr; // with the destination in the upper half

    ApicRegisterFile(int id, ApicTimer timer) {
        this.id = id;
        this.timer = timer;
        reset();
    }

    /** State after power-up or INIT: 11.4.7.1 and 11.4.7.3. */
    void reset() {
        isr.clear();
        tmr.clear();
        irr.clear();
        lvt.reset();
        timer.reset();
        tpr = 0;
        ldr = 0;
        dfr = 0xffff_ffff;
        svr = SVR_VECTOR;
        errors = 0;
        latchedErrors = 0;
        icr = 0;
    }

    void x2Apic(boolean on) {
        x2Apic = on;
    }

    // ---- what the rest of the APIC asks

    boolean softwareEnabled() {
        return (svr & SVR_ENABLE) != 0;
    }

    boolean suppressesEoiBroadcast() {
        return (svr & SVR_SUPPRESS_EOI) != 0;
    }

    int spuriousVector() {
        return svr & SVR_VECTOR;
    }

    int taskPriority() {
        return tpr;
    }

    /** 11.8.3.1. */
    int processorPriority() {
        int inService = Math.max(isr.highest(), 0);
        return (tpr >> 4) >= (inService >> 4) ? tpr : inService & 0xf0;
    }

    /** The request that the processor may take now: 11.8.3.1. */
    int pendingVector() {
        int vector = irr.highest();
        return vector >> 4 > processorPriority() >> 4 ? vector : VectorSet.NONE;
    }

    long command() {
        return icr;
    }

    void command(long value) {
        icr = value & (0xffff_ffff_0000_0000L | ICR_WRITABLE);
    }

    /** Notes errors; returns whether one is new since the guest latched them. */
    boolean error(int bit) {
        boolean isNew = (errors & bit) == 0;
        errors |= bit;
        return isNew;
    }

    /** Whether a logical destination names this APIC: 11.6.2.2 and 11.12.10. */
    boolean isNamedBy(int logicalDestination) {
        if (x2Apic) {
            return logicalDestination >>> X2APIC_CLUSTER_SHIFT == x2ApicLogicalId() >>> X2APIC_CLUSTER_SHIFT
                    && (logicalDestination & x2ApicLogicalId() & X2APIC_MEMBER) != 0;
        }
        if (logicalDestination >>> Byte.SIZE != 0) return false;
        int own = ldr >>> XAPIC_ID_SHIFT;
        if (dfr >>> DFR_MODEL_SHIFT == DFR_FLAT) return (logicalDestination & own) != 0;
        return logicalDestination >>> XAPIC_CLUSTER_SHIFT == own >>> XAPIC_CLUSTER_SHIFT
                && (logicalDestination & own & XAPIC_MEMBER) != 0;
    }

    private int x2ApicLogicalId() {
        return (id >>> 4 << X2APIC_CLUSTER_SHIFT) | (1 << (id & 0xf));
    }

    // ---- by offset

    /** Whether there is a register at an offset, which is a multiple of 16. */
    static boolean exists(int offset) {
        if (offset >= ISR && offset < ESR) return true;
        return switch (offset) {
            case ID, VERSION, TPR, APR, PPR, EOI, RRD, LDR, DFR, SVR, ESR, ICR, ICR_HIGH -> true;
            case INITIAL_COUNT, CURRENT_COUNT, DIVIDE -> true;
            default -> LocalVectorTable.contains(offset);
        };
    }

    int read(int offset) {
        if (offset >= ISR && offset < ESR) return readVectors(offset);
        if (LocalVectorTable.contains(offset)) return lvt.entry(offset);
        return switch (offset) {
            case ID -> x2Apic ? id : id << XAPIC_ID_SHIFT;
            case VERSION -> VERSION_INTEGRATED | VERSION_MAX_LVT | VERSION_SUPPRESS_EOI;
            case TPR -> tpr;
            case APR, PPR -> processorPriority();
            case LDR -> x2Apic ? x2ApicLogicalId() : ldr;
            case DFR -> dfr;
            case SVR -> svr;
            case ESR -> latchedErrors;
            case ICR -> (int) icr;
            case ICR_HIGH -> (int) (icr >>> Integer.SIZE);
            case INITIAL_COUNT -> timer.initialCount();
            case CURRENT_COUNT -> timer.currentCount();
            case DIVIDE -> timer.divide();
            default -> 0;
        };
    }

    private int readVectors(int offset) {
        int index = (offset - ISR) / REGISTER_STRIDE;
        VectorSet set = offset < TMR ? isr : offset < IRR ? tmr : irr;
        return set.register(index % VECTOR_REGISTERS);
    }

    /**
     * Writes a register that only holds a value; read-only registers, and those that act, do not
     * change.
     */
    void write(int offset, int value) {
        if (LocalVectorTable.contains(offset)) {
            lvt.entry(offset, value, softwareEnabled());
            if (offset == LVT_TIMER) timer.control(lvt.entry(offset));
            return;
        }
        switch (offset) {
            case TPR -> tpr = value & 0xff;
            case LDR -> ldr = value & (BROADCAST_8 << XAPIC_ID_SHIFT);
            case DFR -> dfr = value | DFR_RESERVED;
            case SVR -> writeSpurious(value);
            case ESR -> {
                latchedErrors = errors;
                errors = 0;
            }
            case ICR_HIGH -> icr = (icr & 0xffff_ffffL) | ((long) value << Integer.SIZE);
            case INITIAL_COUNT -> timer.initialCount(value);
            case DIVIDE -> timer.divide(value);
            default -> {}
        }
    }

    private void writeSpurious(int value) {
        svr = value & SVR_WRITABLE;
        if (softwareEnabled()) return;
        lvt.maskAll(); // 11.4.7.2
        timer.control(lvt.entry(LVT_TIMER));
    }

    // ---- as a page

    void save(MemorySegment page) {
        for (int offset = 0; offset < PAGE_REGISTERS_END; offset += REGISTER_STRIDE) {
            page.set(WORD, offset, read(offset));
        }
    }

    /** Puts back a page; its ID and what follows from it are not taken from there. */
    void restore(MemorySegment page) {
        reset();
        for (int i = 0; i < VECTOR_REGISTERS; i++) {
            isr.register(i, page.get(WORD, ISR + i * REGISTER_STRIDE));
            tmr.register(i, page.get(WORD, TMR + i * REGISTER_STRIDE));
            irr.register(i, page.get(WORD, IRR + i * REGISTER_STRIDE));
        }
        svr = page.get(WORD, SVR) & SVR_WRITABLE;
        for (int offset = LVT_TIMER; offset <= LVT_ERROR; offset += REGISTER_STRIDE) {
            lvt.restore(offset, page.get(WORD, offset));
        }
        timer.control(lvt.entry(LVT_TIMER));
        write(TPR, page.get(WORD, TPR));
        write(LDR, page.get(WORD, LDR));
        write(DFR, page.get(WORD, DFR));
        write(DIVIDE, page.get(WORD, DIVIDE));
        write(INITIAL_COUNT, page.get(WORD, INITIAL_COUNT));
        timer.startFrom(page.get(WORD, CURRENT_COUNT));
        latchedErrors = page.get(WORD, ESR);
        command(Integer.toUnsignedLong(page.get(WORD, ICR)) | ((long) page.get(WORD, ICR_HIGH) << Integer.SIZE));
    }

    /** Errors not yet latched, which no register shows. */
    int errors() {
        return errors;
    }

    void errors(int value) {
        errors = value;
    }
}
