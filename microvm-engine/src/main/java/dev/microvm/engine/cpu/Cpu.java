package dev.microvm.engine.cpu;

import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.fpu.X87;
import dev.microvm.engine.memory.PhysicalMemory;
import dev.microvm.engine.simd.Mxcsr;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One CPU: its registers, and the loop that runs it.
 *
 * <p>One thread at a time owns it; {@link #attend} and {@link #leave} may be called by any.
 */
public final class Cpu {
    // General registers, as numbered in instructions: Intel SDM vol. 2A, table 3-1
    public static final int RAX = 0;
    public static final int RCX = 1;
    public static final int RDX = 2;
    public static final int RBX = 3;
    public static final int RSP = 4;
    public static final int RBP = 5;
    public static final int RSI = 6;
    public static final int RDI = 7;
    public static final int R11 = 11;

    // What else is in r, so that every address is r[base] + (r[index] << scale) + displacement

    /** Always 0: the base or index of an address that has none. */
    public static final int ZERO = 16;

    /** RIP of the first byte of the page whose code runs. */
    public static final int CODE = 17;

    /** The bases of ES to GS. */
    public static final int SEGMENT_BASE = 18;

    /** An address that was worked out by an {@code instruction} before the one that uses it. */
    public static final int ADDRESS = 24;

    /** What an operand in memory holds, for an instruction that takes registers. */
    public static final int OPERAND = 25;

    /** An immediate, for the same. */
    public static final int IMMEDIATE = 26;

    private static final int SLOTS = 27;

    static final int ES = Decoded.ES;
    static final int CS = Decoded.CS;
    static final int SS = Decoded.SS;
    static final int DS = Decoded.DS;
    static final int SEGMENTS = 6;

    private static final int PAGE_OFFSET = PhysicalMemory.PAGE_SIZE - 1;
    private static final int BLOCK_LIMIT = 24; // instructions; each is a frame on the stack
    private static final int NO_VECTOR = -1;

    /** CS after a reset: the last 64 KiB below 4 GiB. */
    private static final SegmentRegister RESET_CODE = new SegmentRegister(
            0xFFFF_0000L, 0xFFFF, 0xF000, SegmentRegister.TYPE_CODE, true, 0, false, true, false, false, false, false);

    /** General registers, and what else addresses are made of. */
    public final long[] r = new long[SLOTS];

    /** RIP between blocks and at a fault; within a block {@link Instruction#rip} knows it. */
    public long rip;

    /** See {@link Flags}. */
    public long flagResult = 1;

    public long flagCarry;

    /** XMM0 to XMM15, two longs each, low one first. */
    public final long[] xmm = new long[32];

    public final Mxcsr mxcsr = new Mxcsr();
    public final X87 fpu = new X87();

    /** RFLAGS without the six arithmetic flags. */
    public int flags;

    /** Current privilege level. */
    public int cpl;

    public long cr0 = SpecialRegisters.CR0_ET | SpecialRegisters.CR0_CD | SpecialRegisters.CR0_NW;
    public long cr2;
    public long cr3;
    public long cr4;
    public long efer;

    /** What XSAVE manages. */
    public long xcr0 = ControlRegisters.XCR0_X87;

    /** The four pointers that PAE paging loads with CR3. */
    final long[] pagePointers = new long[4];

    public final Segment[] segments = new Segment[SEGMENTS];
    public final Segment tr = new Segment();
    public final Segment ldtr = new Segment();
    public long gdtBase;
    public int gdtLimit = 0xFFFF;
    public long idtBase;
    public int idtLimit = 0xFFFF;

    public final Mmu mmu;
    public final DebugUnit debug = new DebugUnit(this);
    public final Msrs msrs = new Msrs(this);
    public final CpuidTable cpuid = new CpuidTable();
    public final SegmentLoader segmentLoader = new SegmentLoader(this);
    final TaskState taskState = new TaskState(this);
    public final FarTransfers farTransfers = new FarTransfers(this);
    private final InterruptDelivery delivery = new InterruptDelivery(this);
    private final Translator translator;
    private final Platform platform;
    private final @Nullable InstructionCounter counter;
    private final GuestFault guestFault = new GuestFault();

    private CodeMode mode = CodeMode.BITS_16;

    // What the loop must look at before it runs another block
    private volatile boolean attention = true;
    private volatile boolean leave;

    /** Whether it waits in HLT. */
    public boolean halted;

    /** Whether interrupts wait for one more instruction: after STI, and after a load of SS. */
    public boolean interruptShadow;

    /** Whether debug exceptions wait too: after a load of SS. */
    private boolean debugShadow;

    // Of a single instruction that runs
    private boolean stepTraps;
    private boolean resumes; // past a breakpoint: RF was set

    /** Whether NMIs are blocked until IRET. */
    public boolean nmiMasked;

    public volatile boolean nmiPending;

    /** Whether {@link #run} is to return when an interrupt could be taken. */
    public boolean interruptWindow;

    private int injectedVector = NO_VECTOR;
    private boolean interruptBlocked; // one waits for IF

    /** Makes a CPU in the state after power-on. */
    public Cpu(PhysicalMemory memory, Translator translator, Platform platform) {
        this(memory, translator, platform, null);
    }

    /**
     * Makes a CPU in the state after power-on.
     *
     * @param counter counts what it executes; null if nobody asks
     */
    public Cpu(PhysicalMemory memory, Translator translator, Platform platform, @Nullable InstructionCounter counter) {
        this.translator = translator;
        this.platform = platform;
        this.counter = counter;
        this.mmu = new Mmu(this, memory);
        for (int i = 0; i < SEGMENTS; i++) segments[i] = new Segment();
        reset();
    }

    /** The state after INIT: Intel SDM vol. 3A, table 9-1. Caches of translations go too. */
    public void reset() {
        Arrays.fill(r, 0);
        for (int i = 0; i < SEGMENTS; i++) {
            segments[i].set(SegmentRegister.realMode(0, i == CS ? SegmentRegister.TYPE_CODE : 3));
            segmentChanged(i);
        }
        segment(CS, RESET_CODE);
        tr.set(SegmentRegister.systemSegment(0, 0xB, 0, 0xFFFF));
        ldtr.set(SegmentRegister.systemSegment(0, 2, 0, 0xFFFF));
        gdtBase = 0;
        gdtLimit = 0xFFFF;
        idtBase = 0;
        idtLimit = 0xFFFF;
        cr0 = SpecialRegisters.CR0_ET | (cr0 & (SpecialRegisters.CR0_CD | SpecialRegisters.CR0_NW));
        cr2 = 0;
        cr3 = 0;
        cr4 = 0;
        efer = 0;
        flags = 0;
        Flags.arithmetic(this, 0);
        rip = 0xFFF0;
        halted = false;
        interruptShadow = false;
        nmiMasked = false;
        nmiPending = false;
        injectedVector = NO_VECTOR;
        debugShadow = false;
        debug.reset();
        cpl = 0;
        mmu.select(false);
        mmu.flush();
        updateMode();
    }

    // The loop

    /** Runs until something but I/O happens. */
    public CpuExit run() {
        attention = true;
        while (true) {
            try {
                return counter == null ? loop() : loop(counter);
            } catch (GuestFault fault) {
                if (fault.vector == GuestFault.TO_HOST) return CpuExit.DEBUG;
                debug.forget();
                if (!deliver(fault.vector, fault.errorCode)) return CpuExit.SHUTDOWN;
                if (counter != null) countOne(counter);
                if (leaves()) return CpuExit.LEFT; // the handler may fault again before the loop looks
            }
        }
    }

    private CpuExit loop() {
        Block block = jump(rip);
        while (true) {
            if (attention) {
                rip = r[CODE] + block.start;
                CpuExit exit = attendAndStep();
                if (exit != null) return exit;
                block = jump(rip);
            }
            block = block.first.execute(this);
        }
    }

    /** Looks at interrupts and the like, and as long as instructions must run one by one, runs them. */
    private @Nullable CpuExit attendAndStep() {
        while (true) {
            CpuExit exit = attendTo();
            if (exit != null || !stepsNext()) return exit;
            if (counter != null) countOne(counter);
            step();
        }
    }

    /** The same for a CPU whose instructions are counted: what is to happen at a number happens between two blocks. */
    private CpuExit loop(InstructionCounter counted) {
        Block block = jump(rip);
        while (true) {
            if (counted.isReached()) {
                rip = r[CODE] + block.start;
                counted.tell();
                attention = true;
            }
            if (attention) {
                rip = r[CODE] + block.start;
                CpuExit exit = attendAndStep();
                if (exit != null) return exit;
                block = jump(rip);
            }
            counted.add(block.instructions);
            block = block.first.execute(this);
        }
    }

    /** An instruction that is not of a block, or an exception: a handler that faults at once again must not stop the time. */
    private static void countOne(InstructionCounter counted) {
        counted.add(1);
        if (counted.isReached()) counted.tell();
    }

    /** Makes the loop look at interrupts and the like before it runs another block; any thread may call. */
    public void attend() {
        attention = true;
    }

    /** Makes {@link #run}, now or next, return {@link CpuExit#LEFT}; any thread may call. */
    public void leave() {
        leave = true;
        attention = true;
    }

    /** Whether the loop is wanted: what takes long must let it have its turn. */
    public boolean attentionWanted() {
        return attention;
    }

    private boolean leaves() {
        if (!leave) return false;
        leave = false;
        attention = true;
        return true;
    }

    private @Nullable CpuExit attendTo() {
        attention = false;
        platform.giveWay();
        if (debug.isPending() && !debugShadow) {
            if (debug.takeForHost()) return CpuExit.DEBUG;
            halted = false;
            delivery.deliver(Vectors.DB, GuestFault.NO_ERROR_CODE, rip, InterruptDelivery.Source.TRAP);
        }
        if (leaves()) return CpuExit.LEFT;
        if (interruptShadow) return null;
        if (nmiPending && !nmiMasked) {
            nmiPending = false;
            nmiMasked = true;
            interrupt(Vectors.NMI);
        } else if (injectedVector != NO_VECTOR) {
            int vector = injectedVector;
            injectedVector = NO_VECTOR;
            interrupt(vector);
        } else if ((flags & Flags.IF) != 0) {
            interruptBlocked = false;
            if (interruptWindow && platform.acceptsExternal()) {
                attention = true;
                return CpuExit.INTERRUPT_WINDOW;
            }
            if (platform.interruptPending()) {
                int vector = platform.acknowledgeInterrupt();
                if (vector != NO_VECTOR) interrupt(vector);
                attention = true; // there may be another
            }
        } else {
            interruptBlocked = interruptWindow || platform.interruptPending();
        }
        return halted ? CpuExit.HALTED : null;
    }

    private void interrupt(int vector) {
        halted = false;
        mmu.flushCode(); // a device may have written code
        delivery.deliver(vector, GuestFault.NO_ERROR_CODE, rip, InterruptDelivery.Source.EXTERNAL);
    }

    /** Whether the next instruction must run alone; RF counts only while there are breakpoints to pass. */
    private boolean stepsNext() {
        if ((flags & Flags.RF) != 0 && !debug.breaksCode()) flags &= ~Flags.RF;
        return interruptShadow || (flags & (Flags.TF | Flags.RF)) != 0 || debug.hostSteps();
    }

    /** Runs one instruction, or one iteration of a string instruction, and traps after it if TF was set before it. */
    private void step() {
        stepTraps = (flags & Flags.TF) != 0 || debug.hostSteps();
        resumes = (flags & Flags.RF) != 0;
        flags &= ~Flags.RF;
        interruptShadow = false;
        debugShadow = false;
        attention = true;
        try {
            CodePage page = enter(rip);
            Block after =
                    translator.translate(this, page, (int) (rip - r[CODE]), 1).execute(this);
            rip = r[CODE] + after.start;
        } finally {
            resumes = false;
        }
        if (stepTraps) debug.pend(DebugUnit.DR6_BS);
    }

    /** Lets TF as it is now, not as it was before the instruction, decide about a trap: SYSCALL and SYSRET. */
    public void trapByNewFlags() {
        stepTraps = debug.hostSteps();
        if ((flags & Flags.TF) != 0) {
            debug.pend(DebugUnit.DR6_BS);
            attention = true;
        }
    }

    /** Makes the loop look around after an instruction, wherever it is in its block. */
    void stopAfter(@Nullable Instruction instruction) {
        attention = true;
        if (instruction != null) instruction.interceptNext();
    }

    /** Faults if the code at an instruction has a breakpoint that RF does not pass: Intel SDM vol. 3B, 18.3.1.1. */
    public void checkBreakpoint(Instruction at) {
        if (!resumes) debug.checkCode(wrap(at.rip(this) + (mode == CodeMode.BITS_64 ? 0 : r[SEGMENT_BASE + CS])), at);
    }

    /** Delivers an exception; what goes wrong on the way becomes another: Intel SDM vol. 3A, 6.15. */
    private boolean deliver(int firstVector, int firstError) {
        int vector = firstVector;
        int error = firstError;
        while (true) {
            try {
                mmu.select(cpl == 3);
                delivery.deliver(vector, error, rip, InterruptDelivery.Source.FAULT);
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

    void translate(Block block) {
        rip = r[CODE] + block.start;
        block.page.refresh(); // what never ran here is as others wrote it, without their having to say so
        block.first = translator.translate(this, block.page, block.start, BLOCK_LIMIT);
        block.instructions = translator.instructions();
        Instruction last = block.first;
        while (last.isFollowed()) last = last.next;
        block.page.translated(block, last.end());
    }

    /** Translates a block again, because it is not what it was made of. */
    public Block again(Block block) {
        block.drop();
        return block;
    }

    /** What a serializing instruction does to code that others wrote: Intel SDM vol. 3A, 9.1.3. */
    public void serialize() {
        if (platform.hasOtherCpus()) mmu.flushCode();
    }

    /** Lets interrupts wait for one more instruction. */
    public void shadow() {
        interruptShadow = true;
        attention = true;
    }

    /** Lets interrupts and debug exceptions wait for one more instruction: Intel SDM vol. 3A, 6.8.3. */
    public void stackShadow() {
        debugShadow = true;
        stepTraps = false;
        shadow();
    }

    // Control transfer

    /** Goes on at another address of the same code segment. */
    public Block jump(long target) {
        rip = target;
        CodePage page = enter(target);
        return page.entry((int) (target - r[CODE]));
    }

    /** Whether a near branch may go to an address: Intel SDM vol. 2A, JMP. */
    public boolean isTarget(long target) {
        return mode == CodeMode.BITS_64 ? canonical(target) : target >= 0 && target <= segments[CS].limit;
    }

    /** #GP(0), at the branch, for a target that no branch may have. */
    public void requireTarget(long target, Instruction at) {
        if (!isTarget(target)) throw fault(Vectors.GP, 0, at);
    }

    /** A branch's target as wide as its operand. */
    public long target(long address, int operandSize) {
        if (operandSize == 2) return address & 0xFFFF;
        return mode == CodeMode.BITS_64 ? address : address & 0xFFFF_FFFFL;
    }

    /** Finds the page of code and makes it the current one. */
    private CodePage enter(long target) {
        if (mode != CodeMode.BITS_64) return enterLegacy(target);
        CodePage page = mmu.code(target);
        r[CODE] = target & ~PAGE_OFFSET;
        return page;
    }

    private CodePage enterLegacy(long target) {
        if (target < 0 || target > segments[CS].limit) throw fault(Vectors.GP, 0, null);
        long linear = target + r[SEGMENT_BASE + CS] & 0xFFFF_FFFFL;
        CodePage page = mmu.code(linear);
        r[CODE] = target - (linear & PAGE_OFFSET);
        return page;
    }

    /** A near branch in 16- or 32-bit code, or with a 16-bit operand. */
    public Block jump(long target, int operandSize, Instruction at) {
        long to = target(target, operandSize);
        requireTarget(to, at);
        return jump(to);
    }

    /** The page of code after the current one, for an instruction that crosses into it. */
    public CodePage followingPage(Instruction at) {
        rip = at.rip(this);
        return mmu.code(codeLinear() + PhysicalMemory.PAGE_SIZE);
    }

    private long codeLinear() {
        long base = mode == CodeMode.BITS_64 ? 0 : r[SEGMENT_BASE + CS];
        return wrap(r[CODE] + base);
    }

    // Faults

    /**
     * An exception, to be thrown.
     *
     * @param at what caused it; null if RIP is set
     */
    public GuestFault fault(int vector, int errorCode, @Nullable Instruction at) {
        if (at != null) rip = at.rip(this);
        guestFault.vector = vector;
        guestFault.errorCode = errorCode;
        return guestFault;
    }

    /** An exception without an error code, to be thrown. */
    public GuestFault fault(int vector, @Nullable Instruction at) {
        return fault(vector, GuestFault.NO_ERROR_CODE, at);
    }

    /** INT n, INTO. It clears TF, and so is not followed by a single-step trap. */
    public void softwareInterrupt(int vector, Instruction at) {
        rip = at.rip(this);
        stepTraps = debug.hostSteps();
        delivery.deliver(vector, GuestFault.NO_ERROR_CODE, at.nextRip(this), InterruptDelivery.Source.SOFTWARE);
    }

    /** INT3, which a debugger on the host may want. */
    public void breakpoint(Instruction at) {
        if (debug.hostTakesInt3()) throw fault(GuestFault.TO_HOST, at);
        softwareInterrupt(Vectors.BP, at);
    }

    /** INT1, whose gate needs no privilege: Intel SDM vol. 2A, INT n. */
    public void debugTrap(Instruction at) {
        rip = at.rip(this);
        stepTraps = debug.hostSteps();
        delivery.deliver(Vectors.DB, GuestFault.NO_ERROR_CODE, at.nextRip(this), InterruptDelivery.Source.TRAP);
    }

    /** #SS(0) for a stack's address that is not canonical, #GP(0) for any other: Intel SDM vol. 1, 3.3.7.1. */
    GuestFault notCanonical(long linear, @Nullable Instruction at) {
        boolean stack = at != null && translator.addressesStack(this, mmu.code(codeLinear()), at, linear - r[RSP]);
        return fault(stack ? Vectors.SS : Vectors.GP, 0, at);
    }

    /** #GP(0) unless the privilege level is 0. */
    public void requireSupervisor(Instruction at) {
        if (cpl != 0) throw fault(Vectors.GP, 0, at);
    }

    // Segmented addresses

    /**
     * The linear address of an offset in a segment, outside of 64-bit mode.
     *
     * @throws GuestFault #GP(0) or #SS(0) if the segment does not allow the access
     */
    public long segmented(int segment, long offset, int size, boolean write, Instruction at) {
        Segment in = segments[segment];
        boolean allowed = in.contains(offset, size) && in.usable && (write ? in.writable() : in.readable());
        if (!allowed && !(realSegments() && in.contains(offset, size))) {
            throw fault(segment == SS ? Vectors.SS : Vectors.GP, 0, at);
        }
        return in.base + offset & 0xFFFF_FFFFL;
    }

    /** The linear address of an offset in a segment, in any mode: in 64-bit mode only FS and GS have a base. */
    public long segmentedOrFlat(int segment, long offset, int size, boolean write, Instruction at) {
        if (mode != CodeMode.BITS_64) return segmented(segment, offset, size, write, at);
        return segment >= Decoded.FS ? offset + r[SEGMENT_BASE + segment] : offset;
    }

    /** #GP(0) unless the I/O permission map of the task allows the ports: Intel SDM vol. 1, 19.5.2. */
    public void requirePortPermission(int port, int size, Instruction at) {
        final int mapBaseOffset = 0x66;
        boolean allowed = tr.usable && tr.limit >= mapBaseOffset + 1;
        if (allowed) {
            mmu.select(false);
            int map = mmu.load16(tr.base + mapBaseOffset, at) + port / Byte.SIZE;
            allowed = map + 1 <= tr.limit;
            if (allowed) allowed = (mmu.load16(tr.base + map, at) >> port % Byte.SIZE & (1 << size) - 1) == 0;
            mmu.select(cpl == 3);
        }
        if (!allowed) throw fault(Vectors.GP, 0, at);
    }

    // Modes

    public CodeMode mode() {
        return mode;
    }

    public boolean paging() {
        return (cr0 & SpecialRegisters.CR0_PG) != 0;
    }

    public boolean protectedMode() {
        return (cr0 & SpecialRegisters.CR0_PE) != 0;
    }

    public boolean virtual8086() {
        return (flags & Flags.VM) != 0;
    }

    /** Real or virtual-8086 mode: selectors are addresses. */
    public boolean realSegments() {
        return !protectedMode() || virtual8086();
    }

    public boolean longMode() {
        return (efer & SpecialRegisters.EFER_LMA) != 0;
    }

    /** Whether a user's accesses must be aligned: Intel SDM vol. 3A, 6.15, interrupt 17. */
    boolean alignmentChecked() {
        return (flags & Flags.AC) != 0 && (cr0 & SpecialRegisters.CR0_AM) != 0;
    }

    public int iopl() {
        return flags >> Flags.IOPL_SHIFT & 3;
    }

    /** Works out how code is read, after CS, CR0 or EFER changed. */
    public void updateMode() {
        CodeMode before = mode;
        Segment cs = segments[CS];
        mode = longMode() && cs.isLong()
                ? CodeMode.BITS_64
                : cs.is32() && !virtual8086() ? CodeMode.BITS_32 : CodeMode.BITS_16;
        if (mode != before) mmu.flushCode();
    }

    public void cpl(int level) {
        cpl = level;
        mmu.select(level == 3);
    }

    /** Takes note that RFLAGS changed: of interrupts that waited, and of the trap flag. */
    public void flagsChanged() {
        if (cpl == 3 && (cr0 & SpecialRegisters.CR0_AM) != 0) mmu.select(true);
        if ((flags & Flags.TF) != 0 || (interruptBlocked && (flags & Flags.IF) != 0)) attention = true;
    }

    /** Sets a segment register with its hidden part. */
    public void segment(int segment, SegmentRegister from) {
        segments[segment].set(from);
        segmentChanged(segment);
    }

    /** Takes note that system registers were set from outside. */
    public void stateChanged() {
        mmu.flush();
        mmu.flushCode();
        updatePrivilege();
        if (pagePointersUsed()) {
            for (int i = 0; i < pagePointers.length; i++)
                pagePointers[i] = mmu.physical64((cr3 & 0xFFFF_FFE0L) + i * 8L);
        }
        debug.arm();
    }

    /** Works out the privilege level and how code is read, after registers were set from outside. */
    public void updatePrivilege() {
        cpl(virtual8086() ? 3 : protectedMode() ? segments[SS].dpl() : 0);
        updateMode();
    }

    /** Whether RFLAGS.IF is set. */
    public boolean interruptsEnabled() {
        return (flags & Flags.IF) != 0;
    }

    /** Takes note that a segment's base changed. */
    void segmentChanged(int segment) {
        r[SEGMENT_BASE + segment] = segments[segment].base;
    }

    /** Sets the base of FS or GS. */
    public void segmentBase(int segment, long base) {
        segments[segment].base = base;
        r[SEGMENT_BASE + segment] = base;
    }

    /** Linear addresses are of 32 bits outside of 64-bit mode. */
    long wrap(long linear) {
        return mode == CodeMode.BITS_64 ? linear : linear & 0xFFFF_FFFFL;
    }

    /** Whether an address has the same value in bits 47 to 63. */
    public boolean canonical(long linear) {
        return linear << 16 >> 16 == linear;
    }

    // Control registers

    /** MOV to CR0, LMSW, CLTS. */
    public void cr0(long value, @Nullable Instruction at) {
        boolean paging = (value & SpecialRegisters.CR0_PG) != 0;
        boolean invalid = (paging && (value & SpecialRegisters.CR0_PE) == 0)
                || ((value & SpecialRegisters.CR0_NW) != 0 && (value & SpecialRegisters.CR0_CD) == 0)
                || (!paging && (cr4 & SpecialRegisters.CR4_PCIDE) != 0)
                || value >>> 32 != 0;
        boolean starts = paging && !paging();
        boolean toLong = starts && (efer & SpecialRegisters.EFER_LME) != 0;
        if (toLong) invalid |= (cr4 & SpecialRegisters.CR4_PAE) == 0 || segments[CS].isLong();
        if (!paging && paging() && mode == CodeMode.BITS_64) invalid = true;
        if (invalid) throw fault(Vectors.GP, 0, at);
        if (starts && !toLong && (cr4 & SpecialRegisters.CR4_PAE) != 0) loadPagePointers(cr3, at);
        long changed = cr0 ^ value;
        cr0 = (value & ControlRegisters.CR0_KNOWN) | SpecialRegisters.CR0_ET;
        if (toLong) efer |= SpecialRegisters.EFER_LMA;
        if (!paging) efer &= ~SpecialRegisters.EFER_LMA;
        if ((changed & (SpecialRegisters.CR0_PG | SpecialRegisters.CR0_WP | SpecialRegisters.CR0_PE)) != 0) mmu.flush();
        mmu.select(cpl == 3);
        updateMode();
    }

    /** MOV to CR3. The TLB knows no process-context identifiers: it forgets even where bit 63 would let it not. */
    public void cr3(long value, @Nullable Instruction at) {
        boolean identified = (cr4 & SpecialRegisters.CR4_PCIDE) != 0;
        long base = identified ? value & Long.MAX_VALUE : value;
        if (longMode() && (base & -(1L << PageWalk.PHYSICAL_BITS)) != 0) throw fault(Vectors.GP, 0, at);
        if (pagePointersUsed()) loadPagePointers(base, at);
        cr3 = base;
        mmu.flushNonGlobal();
    }

    /** MOV to CR4. */
    public void cr4(long value, @Nullable Instruction at) {
        long changed = cr4 ^ value;
        boolean invalid =
                (value & ~ControlRegisters.CR4_KNOWN) != 0 || (longMode() && (value & SpecialRegisters.CR4_PAE) == 0);
        if ((changed & value & SpecialRegisters.CR4_PCIDE) != 0) { // Intel SDM vol. 3A, 4.10.1
            invalid |= !longMode() || (cr3 & ControlRegisters.CR3_PCID) != 0;
        }
        if (invalid) throw fault(Vectors.GP, 0, at);
        long paging = SpecialRegisters.CR4_PAE
                | SpecialRegisters.CR4_PSE
                | SpecialRegisters.CR4_PGE
                | SpecialRegisters.CR4_PCIDE
                | SpecialRegisters.CR4_SMEP;
        boolean pointers = paging() && !longMode() && (value & SpecialRegisters.CR4_PAE) != 0;
        if (pointers && (changed & paging) != 0) loadPagePointers(cr3, at);
        cr4 = value;
        if ((changed & paging) != 0) mmu.flush();
        if ((changed & SpecialRegisters.CR4_DE) != 0) debug.arm();
    }

    private boolean pagePointersUsed() {
        return paging() && (cr4 & SpecialRegisters.CR4_PAE) != 0 && !longMode();
    }

    /** Loads the four pointers of PAE paging: Intel SDM vol. 3A, 4.4.1; a wrong one is #GP(0), and none is loaded. */
    private void loadPagePointers(long from, @Nullable Instruction at) {
        long[] loaded = new long[pagePointers.length];
        for (int i = 0; i < loaded.length; i++) {
            loaded[i] = mmu.physical64((from & 0xFFFF_FFE0L) + i * 8L);
            if (PageWalk.invalidPointer(loaded[i])) throw fault(Vectors.GP, 0, at);
        }
        System.arraycopy(loaded, 0, pagePointers, 0, loaded.length);
    }

    /** WRMSR to EFER. */
    public void efer(long value, @Nullable Instruction at) {
        boolean invalid = (value & ~(ControlRegisters.EFER_KNOWN | SpecialRegisters.EFER_LMA)) != 0
                || (paging() && ((efer ^ value) & SpecialRegisters.EFER_LME) != 0);
        if (invalid) throw fault(Vectors.GP, 0, at);
        long changed = efer ^ value;
        efer = (value & ControlRegisters.EFER_KNOWN) | (efer & SpecialRegisters.EFER_LMA);
        if ((changed & SpecialRegisters.EFER_NXE) != 0) mmu.flush();
    }

    // Surroundings

    public Platform io() {
        return platform;
    }

    // External interrupts from outside

    /** Whether {@link #inject} would be taken at the next instruction. */
    public boolean readyForInterrupt() {
        return (flags & Flags.IF) != 0 && !interruptShadow && injectedVector == NO_VECTOR;
    }

    /** Delivers an external interrupt before the next instruction. */
    public void inject(int vector) {
        injectedVector = vector;
        attention = true;
    }

    /** The vector that was injected and not delivered yet, or -1. */
    public int injected() {
        return injectedVector;
    }
}
