package dev.microvm.engine.cpu;

import dev.microvm.engine.cpu.InterruptDelivery.Source;
import org.jspecify.annotations.Nullable;

/**
 * The loop that runs a CPU: one block after the other, and between two of them whatever asks for
 * attention. It takes interrupts and debug exceptions, and runs instructions one by one where a
 * trap may follow each.
 *
 * <p>One thread at a time runs it; {@link #attend} and {@link #leave} may be called by any.
 */
public final class CpuLoop {
    private static final int NO_VECTOR = -1;

    /** One NMI that is taken at once, and one that waits until its handler ends. */
    private static final int MAX_PENDING_NMIS = 2;

    private final Cpu cpu;
    private final @Nullable InstructionCounter counter;
    private final long notHot; // bits of a count of executions of which one is set while there is nothing to compile

    // What the loop must look at before it runs another block
    private volatile boolean attention = true;
    private volatile boolean leave;

    /** Whether the CPU waits in HLT. */
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

    private int pendingNmis;

    /** Whether {@link #run} is to return when an interrupt could be taken. */
    public boolean interruptWindow;

    private int injectedVector = NO_VECTOR;
    private boolean interruptBlocked; // one waits for IF

    CpuLoop(Cpu cpu, @Nullable InstructionCounter counter) {
        this.cpu = cpu;
        this.counter = counter;
        this.notHot = cpu.compiler().interval() - 1;
    }

    void reset() {
        halted = false;
        interruptShadow = false;
        debugShadow = false;
        nmiMasked = false;
        pendingNmis = 0;
        injectedVector = NO_VECTOR;
    }

    // Blocks

    /** Runs until something but I/O happens. */
    public CpuExit run() {
        attention = true;
        while (true) {
            try {
                return counter == null ? loop() : loop(counter);
            } catch (GuestFault fault) {
                if (fault.vector == GuestFault.TO_HOST) return CpuExit.DEBUG;
                cpu.debug.forget();
                if (!cpu.interrupts.exception(fault.vector, fault.errorCode)) return CpuExit.SHUTDOWN;
                if (counter != null) countOne(counter);
                if (leaves()) return CpuExit.LEFT; // the handler may fault again before the loop looks
            }
        }
    }

    private CpuExit loop() {
        Block block = cpu.jump(cpu.rip);
        while (true) {
            if (attention) {
                cpu.rip = cpu.r[Cpu.CODE] + block.start;
                CpuExit exit = attendAndStep();
                if (exit != null) return exit;
                block = cpu.jump(cpu.rip);
            }
            Instruction entry = block.enter();
            if ((block.executions() & notHot) == 0) entry = compiled(block);
            block = entry.execute(cpu);
        }
    }

    private Instruction compiled(Block block) {
        cpu.compiler().hot(cpu, block);
        return block.entry();
    }

    /**
     * The same for a CPU whose instructions are counted: what is to happen at a number happens
     * between two blocks.
     */
    private CpuExit loop(InstructionCounter counted) {
        Block block = cpu.jump(cpu.rip);
        while (true) {
            if (counted.isReached()) {
                cpu.rip = cpu.r[Cpu.CODE] + block.start;
                counted.tell();
                attention = true;
            }
            if (attention) {
                cpu.rip = cpu.r[Cpu.CODE] + block.start;
                CpuExit exit = attendAndStep();
                if (exit != null) return exit;
                block = cpu.jump(cpu.rip);
            }
            counted.add(block.instructions);
            Instruction entry = block.enter();
            if ((block.executions() & notHot) == 0) entry = compiled(block);
            block = entry.execute(cpu);
        }
    }

    /**
     * An instruction that is not of a block, or an exception: a handler that faults at once again
     * must not stop the time.
     */
    private static void countOne(InstructionCounter counted) {
        counted.add(1);
        if (counted.isReached()) counted.tell();
    }

    // Attention

    /**
     * Makes the loop look at interrupts and the like before it runs another block; any thread may
     * call.
     */
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

    /** Makes the loop look around after an instruction, wherever it is in its block. */
    void stopAfter(@Nullable Instruction instruction) {
        attention = true;
        if (instruction != null) instruction.interceptNext();
    }

    /** Takes note that RFLAGS changed: of interrupts that waited, and of the trap flag. */
    void flagsChanged() {
        if ((cpu.flags & Flags.TF) != 0 || (interruptBlocked && (cpu.flags & Flags.IF) != 0)) attention = true;
    }

    /**
     * Looks at interrupts and the like, and as long as instructions must run one by one, runs them.
     */
    private @Nullable CpuExit attendAndStep() {
        while (true) {
            CpuExit exit = attendTo();
            if (exit != null || !stepsNext()) return exit;
            if (counter != null) countOne(counter);
            step();
        }
    }

    private @Nullable CpuExit attendTo() {
        attention = false;
        cpu.platform().giveWay();
        cpu.mmu.dropCodeIfPressed();
        cpu.compiler().install(cpu);
        if (cpu.debug.isPending() && !debugShadow) {
            if (cpu.debug.takeForHost()) return CpuExit.DEBUG;
            halted = false;
            cpu.interrupts.deliver(Vectors.DB, GuestFault.NO_ERROR_CODE, cpu.rip, Source.TRAP);
        }
        if (leaves()) return CpuExit.LEFT;
        if (interruptShadow) return null;
        if (pendingNmis > 0 && !nmiMasked) {
            pendingNmis--;
            nmiMasked = true;
            interrupt(Vectors.NMI);
        } else if (injectedVector != NO_VECTOR) {
            int vector = injectedVector;
            injectedVector = NO_VECTOR;
            interrupt(vector);
        } else if (cpu.interruptsEnabled()) {
            interruptBlocked = false;
            if (interruptWindow && cpu.platform().acceptsExternal()) {
                attention = true;
                return CpuExit.INTERRUPT_WINDOW;
            }
            if (cpu.platform().interruptPending()) {
                int vector = cpu.platform().acknowledgeInterrupt();
                if (vector != NO_VECTOR) interrupt(vector);
                attention = true; // there may be another
            }
        } else {
            interruptBlocked = interruptWindow || cpu.platform().interruptPending();
        }
        return halted ? CpuExit.HALTED : null;
    }

    private void interrupt(int vector) {
        halted = false;
        cpu.mmu.outdateCode(); // a device may have written code
        cpu.interrupts.deliver(vector, GuestFault.NO_ERROR_CODE, cpu.rip, Source.EXTERNAL);
    }

    // Single instructions

    /**
     * Whether the next instruction must run alone; RF counts only while there are breakpoints to
     * pass.
     */
    private boolean stepsNext() {
        if ((cpu.flags & Flags.RF) != 0 && !cpu.debug.breaksCode()) cpu.flags &= ~Flags.RF;
        return interruptShadow || (cpu.flags & (Flags.TF | Flags.RF)) != 0 || cpu.debug.hostSteps();
    }

    /**
     * Runs one instruction, or one iteration of a string instruction, and traps after it if TF was
     * set before it.
     */
    private void step() {
        stepTraps = (cpu.flags & Flags.TF) != 0 || cpu.debug.hostSteps();
        resumes = (cpu.flags & Flags.RF) != 0;
        cpu.flags &= ~Flags.RF;
        interruptShadow = false;
        debugShadow = false;
        attention = true;
        try {
            Block after = cpu.translateOne().execute(cpu);
            cpu.rip = cpu.r[Cpu.CODE] + after.start;
        } finally {
            resumes = false;
        }
        if (stepTraps) cpu.debug.pend(DebugUnit.DR6_BS);
    }

    /** Lets no single-step trap of TF follow the instruction that runs. */
    void trapNoMore() {
        stepTraps = cpu.debug.hostSteps();
    }

    /**
     * Lets TF as it is now, not as it was before the instruction, decide about a trap: SYSCALL and
     * SYSRET.
     */
    public void trapByNewFlags() {
        trapNoMore();
        if ((cpu.flags & Flags.TF) != 0) {
            cpu.debug.pend(DebugUnit.DR6_BS);
            attention = true;
        }
    }

    /**
     * Faults if the code at an instruction has a breakpoint that RF does not pass: Intel SDM vol.
     * 3B, 18.3.1.1.
     */
    public void checkBreakpoint(Instruction at) {
        if (!resumes) cpu.debug.checkCode(cpu.codeLinear(at.rip(cpu)), at);
    }

    // Shadows

    /** Lets interrupts wait for one more instruction. */
    public void shadow() {
        interruptShadow = true;
        attention = true;
    }

    /**
     * Lets interrupts and debug exceptions wait for one more instruction: Intel SDM vol. 3A, 6.8.3.
     */
    public void stackShadow() {
        debugShadow = true;
        stepTraps = false;
        shadow();
    }

    // Non-maskable interrupts

    /**
     * Takes note of an NMI. While another is in service one waits, and further ones are lost: Intel
     * SDM vol. 3A, 6.7.1.
     */
    public void pendNmi() {
        int limit = nmiMasked ? 1 : MAX_PENDING_NMIS;
        if (pendingNmis < limit) pendingNmis++;
        attention = true;
    }

    /** Whether an NMI waits. */
    public boolean nmiPending() {
        return pendingNmis > 0;
    }

    /** Sets whether an NMI waits: a state that is put back. */
    public void nmiPending(boolean pending) {
        pendingNmis = pending ? 1 : 0;
    }

    // External interrupts from outside

    /** Whether {@link #inject} would be taken at the next instruction. */
    public boolean readyForInterrupt() {
        return cpu.interruptsEnabled() && !interruptShadow && injectedVector == NO_VECTOR;
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
