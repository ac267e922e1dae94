package dev.microvm.engine.cpu;

import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.decode.Decoder;
import dev.microvm.engine.fpu.X87;
import dev.microvm.engine.memory.PhysicalMemory;
import dev.microvm.engine.simd.Mxcsr;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One CPU: its registers and modes, where its code is, and the parts that do the rest: {@link
 * CpuLoop}, {@link Mmu}, {@link ControlRegisters}, {@link Segmentation}, and so on.
 *
 * <p>One thread at a time owns it; what others may call says so.
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

    /** An address that an instruction computed for the one after it. */
    public static final int ADDRESS = 24;

    /** What an operand in memory holds, for an instruction that takes registers. */
    public static final int OPERAND = 25;

    /** An immediate, for the same. */
    public static final int IMMEDIATE = 26;

    private static final int SLOTS = 27;

    // What is in xmm

    /** Words of XMM registers; as many for the upper halves of YMM registers follow. */
    public static final int XMM_WORDS = 32;

    /** How far the upper half of a YMM register is from its lower one. */
    public static final int YMM_HIGH = XMM_WORDS;

    /** Four words that belong to the instruction that runs. */
    public static final int VECTOR_SCRATCH = 2 * XMM_WORDS;

    static final int ES = Decoded.ES;
    static final int CS = Decoded.CS;
    static final int SS = Decoded.SS;
    static final int DS = Decoded.DS;
    static final int SEGMENTS = 6;

    private static final int PAGE_OFFSET = PhysicalMemory.PAGE_SIZE - 1;
    private static final int BLOCK_LIMIT = 24; // instructions; each is a frame on the stack
    private static final int BLOCK_BYTES = BLOCK_LIMIT * Decoder.MAX_LENGTH;

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

    /**
     * XMM0 to XMM15, two longs each, low one first; the upper halves of YMM0 to YMM15, likewise, at
     * {@link #YMM_HIGH}; and words that an instruction computes with, at {@link #VECTOR_SCRATCH}.
     */
    public final long[] xmm = new long[VECTOR_SCRATCH + 4];

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

    public final Segment[] segments = new Segment[SEGMENTS];
    public final Segment tr = new Segment();
    public final Segment ldtr = new Segment();
    public long gdtBase;
    public int gdtLimit = 0xFFFF;
    public long idtBase;
    public int idtLimit = 0xFFFF;

    /** Counts what it executes, if that is the time of its machine. */
    public final @Nullable InstructionCounter counter;

    public final CpuLoop loop;
    public final Mmu mmu;
    public final ControlRegisters control = new ControlRegisters(this);
    public final Segmentation segmentation = new Segmentation(this);
    public final DebugUnit debug = new DebugUnit(this);
    public final Msrs msrs = new Msrs(this);
    public final CpuidTable cpuid = new CpuidTable(this);
    public final SegmentLoader segmentLoader = new SegmentLoader(this);
    final TaskState taskState = new TaskState(this);
    public final FarTransfers farTransfers = new FarTransfers(this);
    public final InterruptDelivery interrupts = new InterruptDelivery(this);
    private final Translator translator;
    private final Platform platform;
    private final Compiler compiler;
    private final GuestFault guestFault = new GuestFault();

    private CodeMode mode = CodeMode.BITS_16;

    /**
     * Makes a CPU in the state after power-on.
     *
     * @param compiler makes code of blocks that run often
     * @param codeHeap what its translations are charged to
     * @param counter counts what it executes, or null
     */
    public Cpu(
            PhysicalMemory memory,
            Translator translator,
            Compiler compiler,
            Platform platform,
            CodeHeap codeHeap,
            @Nullable InstructionCounter counter) {
        this.translator = translator;
        this.platform = platform;
        this.compiler = compiler;
        this.counter = counter;
        this.loop = new CpuLoop(this, counter);
        this.mmu = new Mmu(this, memory, codeHeap);
        for (int i = 0; i < SEGMENTS; i++) segments[i] = new Segment();
        reset();
    }

    /** The state after INIT: Intel SDM vol. 3A, table 9-1. Caches of translations go too. */
    public void reset() {
        Arrays.fill(r, 0);
        for (int i = 0; i < SEGMENTS; i++) {
            segmentation.set(i, i == CS ? RESET_CODE : SegmentRegister.realMode(0, SegmentRegister.TYPE_DATA));
        }
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
        loop.reset();
        debug.reset();
        cpl = 0;
        mmu.select(false);
        mmu.flush();
        updateMode();
    }

    /** Translates a block; returns what to run in its place: itself, unless its page was dropped. */
    Block translate(Block block) {
        rip = r[CODE] + block.start;
        if (block.page.isDropped()) return jump(rip);
        refresh(block.page, block.start);
        block.translated(translator.translate(this, block.page, block.start, BLOCK_LIMIT));
        return block;
    }

    /** The instruction at RIP alone. */
    Instruction translateOne() {
        CodePage page = enter(rip);
        int start = (int) (rip - r[CODE]);
        refresh(page, start);
        return translator.translate(this, page, start, 1).first();
    }

    /** Takes in what others wrote where a block begins: they need not say so before it runs. */
    private static void refresh(CodePage page, int start) {
        page.refresh(start, Math.min(start + BLOCK_BYTES, PhysicalMemory.PAGE_SIZE));
    }

    /** What a serializing instruction does to code that others wrote: Intel SDM vol. 3A, 9.1.3. */
    public void serialize() {
        if (platform.hasOtherCpus()) mmu.outdateCode();
    }

    // Control transfer

    /** Continues at another address of the same code segment. */
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
        return mmu.code(codeLinear(r[CODE]) + PhysicalMemory.PAGE_SIZE);
    }

    /** The linear address of a value of RIP. */
    long codeLinear(long at) {
        return wrap(mode == CodeMode.BITS_64 ? at : at + r[SEGMENT_BASE + CS]);
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

    /**
     * #SS(0) for a stack's address that is not canonical, #GP(0) for any other: Intel SDM vol. 1,
     * 3.3.7.1.
     */
    GuestFault notCanonical(long linear, @Nullable Instruction at) {
        boolean stack =
                at != null && translator.addressesStack(this, mmu.code(codeLinear(r[CODE])), at, linear - r[RSP]);
        return fault(stack ? Vectors.SS : Vectors.GP, 0, at);
    }

    /** #GP(0) unless the privilege level is 0. */
    public void requireSupervisor(Instruction at) {
        if (cpl != 0) throw fault(Vectors.GP, 0, at);
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

    /** Whether the supervisor may access users' pages although CR4.SMAP is set: 4.6.1. */
    boolean opensUserPages() {
        return (cr4 & SpecialRegisters.CR4_SMAP) != 0 && (flags & Flags.AC) != 0 && cpl < 3;
    }

    public int iopl() {
        return flags >> Flags.IOPL_SHIFT & 3;
    }

    /** Determines how code is read, after CS, CR0 or EFER changed. */
    public void updateMode() {
        CodeMode before = mode;
        Segment cs = segments[CS];
        mode = longMode() && cs.isLong()
                ? CodeMode.BITS_64
                : cs.is32() && !virtual8086() ? CodeMode.BITS_32 : CodeMode.BITS_16;
        if (mode != before) mmu.forgetCode();
    }

    public void cpl(int level) {
        cpl = level;
        mmu.select(level == 3);
    }

    /** Takes note that RFLAGS changed: of interrupts that waited, of the trap flag, and of AC. */
    public void flagsChanged() {
        alignmentFlagChanged();
        loop.flagsChanged();
    }

    /** Takes note that RFLAGS.AC may have changed, which chooses the TLB where it counts. */
    public void alignmentFlagChanged() {
        boolean counts = cpl == 3 ? (cr0 & SpecialRegisters.CR0_AM) != 0 : (cr4 & SpecialRegisters.CR4_SMAP) != 0;
        if (counts) mmu.select(cpl == 3);
    }

    /** Takes note that system registers were set from outside. */
    public void stateChanged() {
        mmu.flush();
        updatePrivilege();
        control.reloadPagePointers();
        debug.arm();
    }

    /**
     * Determines the privilege level and how code is read, after registers were set from outside.
     */
    public void updatePrivilege() {
        cpl(virtual8086() ? 3 : protectedMode() ? segments[SS].dpl() : 0);
        updateMode();
    }

    /** Whether instructions on XMM registers run, rather than fault: Intel SDM vol. 3A, table 14-1. */
    public boolean hasSse() {
        return (cr0 & (SpecialRegisters.CR0_EM | SpecialRegisters.CR0_TS)) == 0
                && (cr4 & SpecialRegisters.CR4_OSFXSR) != 0;
    }

    /** Whether instructions on YMM registers run, rather than fault: Intel SDM vol. 1, 14.3. */
    public boolean hasAvx() {
        return avxEnabled() && (cr0 & SpecialRegisters.CR0_TS) == 0;
    }

    /** Whether the system has enabled the state of AVX; real mode has no VEX. */
    public boolean avxEnabled() {
        return (xcr0 & ControlRegisters.XCR0_YMM) == ControlRegisters.XCR0_YMM && managesVectors();
    }

    private boolean managesVectors() {
        return (cr4 & SpecialRegisters.CR4_OSXSAVE) != 0 && !realSegments();
    }

    /** Whether RFLAGS.IF is set. */
    public boolean interruptsEnabled() {
        return (flags & Flags.IF) != 0;
    }

    /** Linear addresses are of 32 bits outside of 64-bit mode. */
    long wrap(long linear) {
        return mode == CodeMode.BITS_64 ? linear : linear & 0xFFFF_FFFFL;
    }

    /** Whether an address has the same value in bits 47 to 63. */
    public boolean canonical(long linear) {
        return linear << 16 >> 16 == linear;
    }

    /** What the guest may use. */
    public Features features() {
        return cpuid.features();
    }

    // Surroundings

    public Compiler compiler() {
        return compiler;
    }

    public Platform platform() {
        return platform;
    }
}
