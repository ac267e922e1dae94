package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicRegisters.*;
import static dev.microvm.hypervisor.MsrNumbers.IA32_APIC_BASE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_TSC_DEADLINE;

import dev.microvm.bus.BusDevice;
import dev.microvm.clock.Timers;
import dev.microvm.hypervisor.LapicState;
import dev.microvm.irq.IrqLine;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.lang.foreign.MemorySegment;
import java.util.function.LongUnaryOperator;

/**
 * A local APIC: the register page of xAPIC mode as a {@link BusDevice}, the MSRs of x2APIC mode,
 * and what a processor asks of it. Made by {@link LocalApics#add}. Any thread may call.
 *
 * <p>The processor looks at {@link #events()} between instructions. What it finds waits until the
 * processor can take it: with {@link #acknowledge} for {@link #INTERRUPT}, by asking the 8259 for
 * {@link #EXTERNAL}, with {@link #take} for the rest.
 *
 * <p>Not emulated: CMCI, remote reads, focus processors, a guest's change of its APIC ID.
 */
public final class LocalApic implements BusDevice, Stateful {
    /** The MSR of the timer's deadline. */
    public static final int TSC_DEADLINE = IA32_TSC_DEADLINE;

    /** Bytes of its page. */
    public static final int RANGE = 0x1000;

    /** The frequency that the timer divides, for CPUID leaf 0x15. */
    public static final long TIMER_HZ = 1_000_000_000;

    /** Event: {@link #acknowledge} has a vector. */
    public static final int INTERRUPT = 1 << 0;

    /**
     * Event: an 8259 has an interrupt, by the wire to a pin, or by a message, which {@link #take}
     * takes.
     */
    public static final int EXTERNAL = 1 << 1;

    /** Event: a non-maskable interrupt. */
    public static final int NON_MASKABLE = 1 << 2;

    /** Event: a system-management interrupt. */
    public static final int SYSTEM_MANAGEMENT = 1 << 3;

    /** Event: an INIT, which comes before a start-up IPI that is there too. */
    public static final int INITIALIZE = 1 << 4;

    /**
     * Event: a start-up IPI with {@link #startUpVector}; nothing to a processor that does not wait
     * for one.
     */
    public static final int START = 1 << 5;

    /** No vector. */
    public static final int NONE = VectorSet.NONE;

    /** What {@link #page()} is while there is none. */
    public static final long NO_PAGE = -1;

    /** A second non-maskable interrupt: two senders may be faster than the processor. */
    private static final int NON_MASKABLE_AGAIN = 1 << 6;

    private static final int EVENTS = EXTERNAL | NON_MASKABLE | SYSTEM_MANAGEMENT | INITIALIZE | START;
    private static final int SIGNALS = EVENTS | NON_MASKABLE_AGAIN;
    private static final String STATE_TYPE = "local-apic";
    private static final int STATE_VERSION = 1;

    private final LocalApics bus;
    private final int id;
    private final Runnable wake;
    private final ApicTimer timer;
    private final ApicRegisterFile registers;
    private final ApicBase base = new ApicBase();
    private final boolean[] pins = new boolean[2]; // levels of LINT0 and LINT1
    private volatile int events;
    private volatile long page;
    private int signals; // events that came as messages or edges and are not taken
    private int startUpVector;

    @SuppressWarnings("this-escape") // the timer is not armed yet
    LocalApic(LocalApics bus, int id, Timers timers, LongUnaryOperator tscToNanos, Runnable wake) {
        this.bus = bus;
        this.id = id;
        this.wake = wake;
        this.timer = new ApicTimer(timers, tscToNanos, this::timerExpired);
        this.registers = new ApicRegisterFile(id, timer);
        reset();
    }

    /** Its APIC ID. */
    public int id() {
        return id;
    }

    /**
     * What CPUID tells the guest of it.
     *
     * @param x2Apic whether there is x2APIC mode
     * @param addressBits of physical addresses
     */
    public synchronized void features(boolean x2Apic, int addressBits) {
        base.features(x2Apic, addressBits);
    }

    // ---- the processor's side

    /** What waits for the processor, as bits; one volatile read. */
    public int events() {
        return events;
    }

    /** The vector that {@link #acknowledge} would take, or {@link #NONE}. */
    public synchronized int pendingVector() {
        return registers.pendingVector();
    }

    /**
     * Takes the interrupt of highest priority: returns its vector, or the spurious one if it went
     * away.
     */
    public synchronized int acknowledge() {
        int vector = registers.pendingVector();
        if (vector == NONE) return registers.spuriousVector();
        registers.irr.remove(vector);
        registers.isr.add(vector);
        publish();
        return vector;
    }

    /**
     * Takes an event other than {@link #INTERRUPT}; returns whether it was there. The level of a
     * pin is not taken. {@link #NON_MASKABLE} may be there twice.
     */
    public synchronized boolean take(int event) {
        boolean there = (signals & event) != 0;
        boolean again = event == NON_MASKABLE && (signals & NON_MASKABLE_AGAIN) != 0;
        signals &= again ? ~NON_MASKABLE_AGAIN : ~event;
        publish();
        return there;
    }

    /** The vector of the last start-up IPI: the processor starts at {@code vector << 12}. */
    public synchronized int startUpVector() {
        return startUpVector;
    }

    /** Events that {@link #take} takes: those that are there. */
    public synchronized int signals() {
        return signals;
    }

    /** Puts back what {@link #signals()} and {@link #startUpVector} gave. */
    public void signals(int newSignals, int newStartUpVector) {
        boolean news;
        synchronized (this) {
            signals = newSignals & SIGNALS;
            startUpVector = newStartUpVector & VECTOR;
            news = publish();
        }
        if (news) wake.run();
    }

    /** The upper half of the task priority, 0 to 15: CR8. */
    public synchronized int taskPriorityClass() {
        return registers.taskPriority() >> 4;
    }

    /** Sets the task priority, as a write to CR8 does. */
    public void taskPriorityClass(int priorityClass) {
        writeRegister(TPR, (priorityClass & 0xf) << 4);
    }

    /** The guest's time-stamp counter was set: a deadline is at another time now. */
    public synchronized void tscChanged() {
        timer.tscChanged();
    }

    /**
     * Determines the events again; returns whether there are more, for which {@link #wake} is due,
     * outside the lock.
     */
    private boolean publish() {
        int now = signals & EVENTS;
        if (registers.pendingVector() != NONE) now |= INTERRUPT;
        if ((pins[0] && passesExternal(LVT_LINT0)) || (pins[1] && passesExternal(LVT_LINT1))) now |= EXTERNAL;
        int before = events;
        events = now;
        return (now & ~before) != 0;
    }

    // ---- messages

    /**
     * Takes a message.
     *
     * @return false if this APIC is off, or off for this kind of message
     */
    boolean deliver(int deliveryMode, int vector, boolean level) {
        boolean taken;
        boolean news;
        synchronized (this) {
            taken = accept(deliveryMode, vector, level);
            news = publish();
        }
        if (news) wake.run();
        return taken;
    }

    private boolean accept(int deliveryMode, int vector, boolean level) {
        if (base.mode() == ApicMode.DISABLED) return false;
        switch (deliveryMode) {
            case FIXED, LOWEST_PRIORITY -> {
                return request(vector, level);
            }
            case SMI -> signals |= SYSTEM_MANAGEMENT;
            case NMI -> nonMaskable();
            case INIT -> signals = (signals & ~START) | INITIALIZE;
            case START_UP -> {
                startUpVector = vector;
                signals |= START;
            }
            case EXT_INT -> signals |= EXTERNAL;
            default -> {
                return false; // reserved
            }
        }
        return true;
    }

    private void nonMaskable() {
        signals |= (signals & NON_MASKABLE) == 0 ? NON_MASKABLE : NON_MASKABLE_AGAIN;
    }

    private boolean request(int vector, boolean level) {
        if (!registers.softwareEnabled()) return false;
        if (vector < FIRST_VECTOR) {
            error(ERROR_RECEIVE_VECTOR);
            return false;
        }
        registers.irr.add(vector);
        if (level) registers.tmr.add(vector);
        else registers.tmr.remove(vector);
        return true;
    }

    private void error(int bit) {
        if (registers.error(bit)) raise(LVT_ERROR); // once: an error of that interrupt itself is not new again
    }

    /** Acts on a table entry whose source fires. */
    private void raise(int entryOffset) {
        int entry = registers.lvt.entry(entryOffset);
        if ((entry & LVT_MASKED) != 0) return;
        int deliveryMode =
                entryOffset == LVT_TIMER || entryOffset == LVT_ERROR ? FIXED : LocalVectorTable.deliveryMode(entry);
        accept(deliveryMode, entry & VECTOR, false);
    }

    /** Whether a logical destination names this APIC. */
    synchronized boolean isNamedBy(int logicalDestination) {
        return registers.isNamedBy(logicalDestination);
    }

    /** For lowest priority: 0 to 255, or more than that if it takes no interrupt. */
    synchronized int arbitrationPriority() {
        boolean on = base.mode() != ApicMode.DISABLED && registers.softwareEnabled();
        return on ? registers.processorPriority() : Integer.MAX_VALUE;
    }

    // ---- local sources

    private void timerExpired() {
        boolean news;
        synchronized (this) {
            settleTimer();
            news = publish();
        }
        if (news) wake.run();
    }

    private void settleTimer() {
        if (timer.settle()) raise(LVT_TIMER);
    }

    /** A performance counter overflowed; the entry is masked until the guest unmasks it. */
    public void performanceInterrupt() {
        boolean news;
        synchronized (this) {
            raise(LVT_PERFORMANCE);
            registers.lvt.mask(LVT_PERFORMANCE); // SDM vol. 3B, 20.6.3
            news = publish();
        }
        if (news) wake.run();
    }

    /** The wire to LINT0 (an 8259's INTR) or LINT1 (NMI): 0 or 1. */
    public IrqLine pin(int pin) {
        if (pin != 0 && pin != 1) throw new IllegalArgumentException("LINT pin: 0 or 1, was " + pin);
        return level -> setPin(pin, level);
    }

    private void setPin(int pin, boolean level) {
        boolean news;
        synchronized (this) {
            boolean rises = level && !pins[pin];
            pins[pin] = level;
            if (base.mode() != ApicMode.DISABLED) pinChanged(pin, rises);
            else if (rises && pin == 1) nonMaskable();
            news = publish();
        }
        if (news) wake.run();
    }

    private void pinChanged(int pin, boolean rises) {
        int at = LVT_LINT0 + pin * REGISTER_STRIDE;
        int entry = registers.lvt.entry(at);
        if (registers.lvt.isLevelTriggered(at)) {
            boolean asks = pins[pin] && (entry & (LVT_MASKED | LVT_REMOTE_IRR)) == 0;
            if (asks && accept(FIXED, entry & VECTOR, true)) registers.lvt.remoteIrr(at, true);
        } else if (rises && LocalVectorTable.deliveryMode(entry) != EXT_INT) {
            raise(at);
        }
    }

    /** Whether interrupts of an 8259 at LINT0 pass: for one that is asked instead of wired. */
    public synchronized boolean passesExternal() {
        return passesExternal(LVT_LINT0);
    }

    private boolean passesExternal(int entryOffset) {
        if (base.mode() == ApicMode.DISABLED) return entryOffset == LVT_LINT0; // the pin is INTR: 11.4.3
        int entry = registers.lvt.entry(entryOffset);
        return (entry & LVT_MASKED) == 0 && LocalVectorTable.deliveryMode(entry) == EXT_INT;
    }

    // ---- ends and commands

    private void endOfInterrupt() {
        int broadcast = NONE;
        boolean news;
        synchronized (this) {
            int vector = registers.isr.highest();
            if (vector == NONE) return;
            registers.isr.remove(vector);
            if (registers.tmr.contains(vector)) {
                if (!registers.suppressesEoiBroadcast()) broadcast = vector;
                endOfPin(vector);
            }
            news = publish();
        }
        if (broadcast != NONE) bus.endOfInterrupt(broadcast);
        if (news) wake.run();
    }

    private void endOfPin(int vector) {
        int entry = registers.lvt.entry(LVT_LINT0);
        if ((entry & LVT_REMOTE_IRR) == 0 || (entry & VECTOR) != vector) return;
        registers.lvt.remoteIrr(LVT_LINT0, false);
        pinChanged(0, false);
    }

    /** Sends what the interrupt command register says: 11.6.1. */
    private void command(int destination, int command) {
        int deliveryMode = (command >> DELIVERY_MODE_SHIFT) & DELIVERY_MODE;
        boolean hasVector = deliveryMode == FIXED || deliveryMode == LOWEST_PRIORITY;
        if (hasVector && (command & VECTOR) < FIRST_VECTOR) {
            note(ERROR_SEND_VECTOR);
            return;
        }
        if (deliveryMode == EXT_INT) return; // reserved: figure 11-12
        if (deliveryMode == INIT && (command & (ICR_LEVEL | ICR_ASSERT)) == ICR_LEVEL) return; // de-assert: table 11-3
        int vector = command & VECTOR;
        switch ((command >> ICR_SHORTHAND_SHIFT) & ICR_SHORTHAND) {
            case SHORTHAND_SELF -> deliver(deliveryMode, vector, false);
            case SHORTHAND_ALL -> bus.send(BROADCAST_32, false, deliveryMode, vector, false);
            case SHORTHAND_OTHERS -> bus.sendToOthers(this, deliveryMode, vector);
            default -> bus.send(destination, (command & ICR_LOGICAL) != 0, deliveryMode, vector, false);
        }
    }

    private void note(int errorBit) {
        boolean news;
        synchronized (this) {
            error(errorBit);
            news = publish();
        }
        if (news) wake.run();
    }

    // ---- registers in memory

    /**
     * The guest-physical address of its page, or {@link #NO_PAGE} outside of xAPIC mode; one
     * volatile read.
     */
    public long page() {
        return page;
    }

    /**
     * Reads the page; a register is whole at a multiple of 16 and answers no more than its four
     * bytes.
     */
    @Override
    public long read(long offset, int size) {
        int register = (int) offset & -REGISTER_STRIDE;
        int shift = ((int) offset & (REGISTER_STRIDE - 1)) * Byte.SIZE;
        if (shift >= Integer.SIZE || !hasRegister(offset, register)) return 0;
        return (Integer.toUnsignedLong(readRegister(register)) >>> shift) & mask(size);
    }

    /** Writes the page; only whole registers take a write: 11.4.1. */
    @Override
    public void write(long offset, int size, long value) {
        int register = (int) offset;
        if (size != Integer.BYTES || register % REGISTER_STRIDE != 0 || !hasRegister(offset, register)) return;
        writeRegister(register, (int) value);
        if (register == ICR) command(narrowDestination(readRegister(ICR_HIGH)), (int) value);
    }

    private boolean hasRegister(long offset, int register) {
        if (offset >= 0 && offset < PAGE_REGISTERS_END && ApicRegisterFile.exists(register)) return true;
        note(ERROR_REGISTER);
        return false;
    }

    private static int narrowDestination(int high) {
        int destination = high >>> XAPIC_ID_SHIFT;
        return destination == BROADCAST_8 ? BROADCAST_32 : destination;
    }

    private static long mask(int size) {
        return -1L >>> (Long.SIZE - Byte.SIZE * size);
    }

    private synchronized int readRegister(int register) {
        settleTimer();
        publish(); // the reader is the processor itself: it looks before its next instruction
        return registers.read(register);
    }

    private void writeRegister(int register, int value) {
        if (register == EOI) {
            endOfInterrupt();
            return;
        }
        boolean news;
        synchronized (this) {
            settleTimer();
            if (register == ICR)
                registers.command((registers.command() & ~0xffff_ffffL) | Integer.toUnsignedLong(value));
            else registers.write(register, value);
            if (register == LVT_LINT0) pinChanged(0, false);
            news = publish();
        }
        if (news) wake.run();
    }

    // ---- model-specific registers

    /**
     * Whether an MSR is one of these, whatever the mode: IA32_APIC_BASE, IA32_TSC_DEADLINE, 0x800
     * to 0x8ff.
     */
    public static boolean isMsr(int index) {
        return index == IA32_APIC_BASE || index == IA32_TSC_DEADLINE || isX2Apic(index);
    }

    private static boolean isX2Apic(int index) {
        return index >= X2APIC_FIRST && index <= X2APIC_LAST;
    }

    /** Whether RDMSR of one of these works now; if not, it is a general-protection fault. */
    public synchronized boolean isReadable(int index) {
        return !isX2Apic(index) || (base.mode() == ApicMode.X2APIC && X2ApicMsrs.isReadable(X2ApicMsrs.offset(index)));
    }

    /** Reads an MSR that {@link #isReadable}. */
    public synchronized long readMsr(int index) {
        if (index == IA32_APIC_BASE) return base.value();
        if (index == IA32_TSC_DEADLINE) {
            settleTimer();
            publish();
            return timer.tscDeadline();
        }
        int register = X2ApicMsrs.offset(index);
        if (register == ICR) return registers.command();
        return Integer.toUnsignedLong(readRegister(register));
    }

    /** Writes one of these MSRs; false is a general-protection fault. */
    public boolean writeMsr(int index, long value) {
        if (index == IA32_APIC_BASE) return apicBase(value);
        if (index == IA32_TSC_DEADLINE) {
            tscDeadline(value);
            return true;
        }
        int register = X2ApicMsrs.offset(index);
        if (mode() != ApicMode.X2APIC || !X2ApicMsrs.isWritable(register, value)) return false;
        switch (register) {
            case SELF_IPI -> command(id, (SHORTHAND_SELF << ICR_SHORTHAND_SHIFT) | (int) value);
            case ICR -> {
                synchronized (this) {
                    registers.command(value);
                }
                command((int) (value >>> Integer.SIZE), (int) value);
            }
            default -> writeRegister(register, (int) value);
        }
        return true;
    }

    private void tscDeadline(long value) {
        boolean news;
        synchronized (this) {
            settleTimer();
            timer.tscDeadline(value);
            settleTimer(); // a deadline that has passed interrupts at once
            news = publish();
        }
        if (news) wake.run();
    }

    /** How the APIC is reached now. */
    public synchronized ApicMode mode() {
        return base.mode();
    }

    /** IA32_APIC_BASE. */
    public synchronized long apicBase() {
        return base.value();
    }

    /** Writes IA32_APIC_BASE as the guest does; false is a general-protection fault: 11.12.5. */
    public synchronized boolean apicBase(long value) {
        if (!base.takes(value)) return false;
        setBase(value);
        return true;
    }

    /** Puts back an IA32_APIC_BASE that was saved, whatever the mode before it. */
    public synchronized void restoreBase(long value) {
        setBase(value);
    }

    private void setBase(long value) {
        boolean wasOn = base.mode() != ApicMode.DISABLED;
        base.value(value);
        page = base.mode() == ApicMode.XAPIC ? value & BASE_ADDRESS : NO_PAGE;
        if (wasOn && base.mode() == ApicMode.DISABLED) registers.reset(); // 11.4.3
        registers.x2Apic(base.mode() == ApicMode.X2APIC);
        publish();
    }

    // ---- resets and state

    /** As after power-on. */
    public synchronized void reset() {
        setBase(DEFAULT_BASE | BASE_ENABLE | (id == 0 ? BASE_BSP : 0));
        initialize();
        signals = 0;
        startUpVector = 0;
        publish();
    }

    /**
     * As after an INIT, which changes neither IA32_APIC_BASE nor what waits to be taken: 11.4.7.3,
     * 11.12.5.1.
     *
     * <p>LINT0 of the bootstrap processor then passes the interrupts of an 8259, as firmware would
     * leave it (MultiProcessor Specification 1.4, 3.6.2.2, virtual wire mode) and as KVM has it.
     */
    public synchronized void initialize() {
        registers.reset();
        if (base.isBootstrapProcessor()) registers.lvt.restore(LVT_LINT0, EXT_INT << DELIVERY_MODE_SHIFT);
        publish();
    }

    /** The registers as a page; without IA32_APIC_BASE, the TSC deadline and {@link #signals()}. */
    public synchronized LapicState lapicState() {
        settleTimer();
        publish();
        byte[] bytes = new byte[LapicState.SIZE];
        registers.save(MemorySegment.ofArray(bytes));
        return new LapicState(bytes);
    }

    /**
     * Puts back the registers from a page; the APIC ID stays, and a TSC deadline is to be written
     * after it.
     */
    public void lapicState(LapicState state) {
        boolean news;
        synchronized (this) {
            registers.restore(MemorySegment.ofArray(state.registers()));
            news = publish();
        }
        if (news) wake.run();
    }

    @Override
    public synchronized DeviceState save() {
        return new DeviceState(STATE_TYPE, STATE_VERSION)
                .put("registers", lapicState().registers())
                .put("errors", registers.errors())
                .put("apicBase", base.value())
                .put("tscDeadline", timer.tscDeadline())
                .put("signals", signals)
                .put("startUpVector", startUpVector)
                .put("lint0", pins[0])
                .put("lint1", pins[1]);
    }

    /** Puts back a state; the time-stamp counter must be put back before. */
    @Override
    public void restore(DeviceState state) {
        state.require(STATE_TYPE, STATE_VERSION);
        LapicState restored = new LapicState(state.bytes("registers"));
        synchronized (this) {
            setBase(state.number("apicBase"));
            registers.restore(MemorySegment.ofArray(restored.registers()));
            registers.errors(state.integer("errors"));
            pins[0] = state.flag("lint0");
            pins[1] = state.flag("lint1");
            timer.tscDeadline(state.number("tscDeadline"));
        }
        signals(state.integer("signals"), state.integer("startUpVector"));
    }
}
