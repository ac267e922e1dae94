package dev.microvm.engine;

import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.engine.apic.LocalApic;
import dev.microvm.engine.compile.Tier;
import dev.microvm.engine.cpu.CodeHeap;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.CpuExit;
import dev.microvm.engine.cpu.CpuidTable;
import dev.microvm.engine.cpu.Feature;
import dev.microvm.engine.cpu.Features;
import dev.microvm.engine.cpu.InstructionCounter;
import dev.microvm.engine.translate.BlockTranslator;
import dev.microvm.hypervisor.ActivityState;
import dev.microvm.hypervisor.DebugEvent;
import dev.microvm.hypervisor.DebugRegisters;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.FpuState;
import dev.microvm.hypervisor.GuestDebug;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.LapicState;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuEvents;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VcpuFailedException;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A vCPU: a {@link Cpu}, its local APIC in {@link InterruptMode#SPLIT}, and the thread that runs
 * both. It waits by itself where the guest halts, unless its interrupts come from outside ({@link
 * InterruptMode#USERSPACE}).
 */
final class EngineVcpu implements Vcpu {
    private static final ThreadLocal<@Nullable EngineVcpu> CURRENT = new ThreadLocal<>();

    private final EngineVirtualMachine machine;
    private final int index;
    private final @Nullable LocalApic apic;
    private final EnginePlatform platform;
    private final CodeHeap codeHeap;
    private final Cpu cpu;
    private final ParavirtualClock clock;
    private final EngineState state;

    private ExitHandler handler = NoDevices.HANDLER; // while nobody runs the guest
    private volatile boolean inGuest;
    private volatile boolean kicked;
    private volatile @Nullable Thread parked;
    private ActivityState activity;

    // Guarded by this
    private @Nullable Thread runner;
    private boolean forgetting; // a region of memory goes away
    private boolean closed;

    EngineVcpu(EngineVirtualMachine machine, int index) {
        this.machine = machine;
        this.index = index;
        platform = new EnginePlatform(this, machine);
        InstructionTime time = machine.instructionTime();
        InstructionCounter counter = time == null ? null : time.counter();
        codeHeap = new CodeHeap(machine.translations(), this::wantRoom);
        cpu = new Cpu(machine.memory(), new BlockTranslator(), Tier.chosen().compiler(), platform, codeHeap, counter);
        clock = new ParavirtualClock(machine, platform, cpu.mmu);
        boolean hasApic = machine.interruptMode() == InterruptMode.SPLIT;
        apic = hasApic ? machine.apics().add(index, machine.timers(), platform::nanosAt, this::apicCalls) : null;
        state = new EngineState(cpu, apic, platform);
        activity = hasApic && index != 0 ? ActivityState.UNINITIALIZED : ActivityState.RUNNING;
    }

    /** Returns an estimate of the heap that its translations take, in bytes. */
    long translated() {
        return codeHeap.held();
    }

    /** The vCPU whose {@link #run} the calling thread is in. */
    static @Nullable EngineVcpu current() {
        return CURRENT.get();
    }

    Cpu cpu() {
        return cpu;
    }

    @Nullable
    LocalApic apic() {
        return apic;
    }

    ParavirtualClock clock() {
        return clock;
    }

    EnginePlatform platform() {
        return platform;
    }

    ExitHandler handler() {
        return handler;
    }

    void endOfInterrupt(int vector) {
        handler.endOfInterrupt(vector);
    }

    @Override
    public int index() {
        return index;
    }

    // Running

    @Override
    public VcpuExit run(ExitHandler exits) {
        enter();
        try {
            handler = exits;
            return loop();
        } catch (VcpuFailedException e) {
            throw new VcpuFailedException(
                    "vCPU %d stopped: %s%n%s%n%s".formatted(index, e.getMessage(), registers(), specialRegisters()),
                    e.byGuest());
        } finally {
            handler = NoDevices.HANDLER;
            exit();
        }
    }

    private VcpuExit loop() {
        while (true) {
            forgetIfAsked();
            if (kicked) {
                kicked = false;
                return VcpuExit.KICKED;
            }
            takeSignals();
            if (activity == ActivityState.UNINITIALIZED || activity == ActivityState.INIT_RECEIVED) {
                park(LocalApic.INITIALIZE | LocalApic.START);
                continue;
            }
            switch (runGuest()) {
                case LEFT -> {}
                case HALTED -> {
                    if (apic == null) return VcpuExit.HALTED;
                    int waking = LocalApic.INITIALIZE | LocalApic.NON_MASKABLE;
                    park(cpu.interruptsEnabled() ? waking | LocalApic.INTERRUPT : waking);
                }
                case INTERRUPT_WINDOW -> {
                    return VcpuExit.INTERRUPT_WINDOW;
                }
                case SHUTDOWN -> {
                    return VcpuExit.SHUTDOWN;
                }
                case DEBUG -> {
                    return VcpuExit.DEBUG;
                }
            }
        }
    }

    private CpuExit runGuest() {
        machine.exclusive().enterGuest(this);
        try {
            return cpu.loop.run();
        } finally {
            machine.exclusive().leaveGuest(this);
        }
    }

    /** Whether it runs guest code, and others must wait for it to stop. */
    boolean inGuest() {
        return inGuest;
    }

    void inGuest(boolean now) {
        inGuest = now;
    }

    /** Waits for a kick, for one of these events of the APIC, or for memory to go away. */
    private void park(int events) {
        parked = Thread.currentThread();
        InstructionTime time = machine.instructionTime();
        while (!kicked && !forgetting() && (apic == null || (apic.events() & events) == 0)) {
            cpu.mmu.dropCodeIfPressed();
            if (time == null) LockSupport.park(this);
            else time.await();
        }
        parked = null;
    }

    /** INIT, start-up IPIs and NMIs. */
    private void takeSignals() {
        if (apic == null || (apic.events() & ~LocalApic.INTERRUPT) == 0) return;
        while (apic.take(LocalApic.NON_MASKABLE)) cpu.loop.pendNmi();
        apic.take(LocalApic.SYSTEM_MANAGEMENT); // there is no such mode here
        if (apic.take(LocalApic.INITIALIZE)) {
            cpu.reset();
            apic.initialize();
            activity = index == 0 ? ActivityState.RUNNING : ActivityState.INIT_RECEIVED;
        }
        if (apic.take(LocalApic.START) && activity == ActivityState.INIT_RECEIVED) {
            state.startAt(apic.startUpVector());
            activity = ActivityState.RUNNING;
        }
    }

    /** The APIC has news; any thread. */
    private void apicCalls() {
        LocalApic from = apic;
        if (from != null && (from.events() & ~LocalApic.INTERRUPT) != 0) {
            cpu.loop.leave();
        } else {
            cpu.loop.attend();
        }
        LockSupport.unpark(parked);
    }

    @Override
    public void kick() {
        kicked = true;
        cpu.loop.leave();
        LockSupport.unpark(parked);
    }

    /**
     * The budget of translations wants room; any thread. Who runs or waits looks soon; else nobody
     * would.
     */
    private void wantRoom() {
        cpu.loop.attend();
        LockSupport.unpark(parked);
        synchronized (this) {
            if (runner == null && !closed) cpu.mmu.dropCodeIfPressed();
        }
    }

    private synchronized void requireOpen() {
        if (closed) throw new IllegalStateException("vCPU " + index + " is closed");
    }

    private synchronized void enter() {
        requireOpen();
        if (runner != null) throw new IllegalStateException("vCPU " + index + " runs already, on another thread");
        runner = Thread.currentThread();
        CURRENT.set(this);
        cpu.mmu.outdateCode(); // the host may have written to memory
        clock.updateIfOutdated();
    }

    private synchronized void exit() {
        runner = null;
        CURRENT.remove();
        if (forgetting) {
            cpu.mmu.forget();
            forgetting = false;
        }
        notifyAll();
    }

    /** Forgets where memory is; returns when nothing of it is used any more. */
    void forgetMemory() {
        synchronized (this) {
            if (closed) return;
            if (runner == null) {
                cpu.mmu.forget();
                return;
            }
            if (runner.equals(Thread.currentThread())) {
                cpu.mmu.forgetWhileRunning();
                return;
            }
            forgetting = true;
        }
        cpu.loop.leave();
        LockSupport.unpark(parked);
        synchronized (this) {
            boolean interrupted = false;
            while (forgetting) {
                try {
                    wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) Thread.currentThread().interrupt();
        }
    }

    private synchronized boolean forgetting() {
        return forgetting;
    }

    private synchronized void forgetIfAsked() {
        if (!forgetting) return;
        cpu.mmu.forget();
        forgetting = false;
        notifyAll();
    }

    // State: each call takes the lock that close() takes, so that none uses memory that is freed

    /** If the vCPU does not run, takes what waits for it, so that its state can be read. */
    private synchronized void settle() {
        if (runner == null) takeSignals();
    }

    @Override
    public synchronized Registers registers() {
        requireOpen();
        settle();
        return state.registers();
    }

    @Override
    public synchronized void registers(Registers registers) {
        requireOpen();
        state.registers(registers);
    }

    @Override
    public synchronized SpecialRegisters specialRegisters() {
        requireOpen();
        settle();
        return state.specialRegisters();
    }

    @Override
    public synchronized void specialRegisters(SpecialRegisters registers) {
        requireOpen();
        state.specialRegisters(registers);
    }

    @Override
    public synchronized FpuState fpuState() {
        requireOpen();
        return state.fpuState();
    }

    @Override
    public synchronized void fpuState(FpuState newState) {
        requireOpen();
        state.fpuState(newState);
    }

    @Override
    public synchronized DebugRegisters debugRegisters() {
        requireOpen();
        return new DebugRegisters(
                cpu.debug.register(0),
                cpu.debug.register(1),
                cpu.debug.register(2),
                cpu.debug.register(3),
                cpu.debug.register(6),
                cpu.debug.register(7));
    }

    @Override
    public synchronized void debugRegisters(DebugRegisters registers) {
        requireOpen();
        cpu.debug.register(0, registers.dr0());
        cpu.debug.register(1, registers.dr1());
        cpu.debug.register(2, registers.dr2());
        cpu.debug.register(3, registers.dr3());
        cpu.debug.register(6, registers.dr6());
        cpu.debug.register(7, registers.dr7());
    }

    @Override
    public synchronized long translate(long linearAddress) {
        requireOpen();
        return cpu.mmu.lookUp(linearAddress).orElse(NOT_MAPPED);
    }

    @Override
    public synchronized VcpuEvents events() {
        requireOpen();
        settle();
        return state.events();
    }

    @Override
    public synchronized void events(VcpuEvents events) {
        requireOpen();
        state.events(events);
    }

    @Override
    public synchronized ActivityState activity() {
        requireOpen();
        settle();
        return activity == ActivityState.RUNNING && cpu.loop.halted ? ActivityState.HALTED : activity;
    }

    @Override
    public synchronized void activity(ActivityState newState) {
        requireOpen();
        cpu.loop.halted = newState == ActivityState.HALTED;
        activity = newState == ActivityState.HALTED ? ActivityState.RUNNING : newState;
    }

    @Override
    public synchronized LapicState lapic() {
        requireOpen();
        return requireApic().lapicState();
    }

    @Override
    public synchronized void lapic(LapicState newState) {
        requireOpen();
        requireApic().lapicState(newState);
    }

    private LocalApic requireApic() {
        if (apic == null) throw new HypervisorException("vCPU " + index + ": no local APIC in USERSPACE mode");
        return apic;
    }

    @Override
    public synchronized int[] msrIndices() {
        requireOpen();
        return state.msrIndices();
    }

    @Override
    public synchronized List<MsrEntry> msrs(int... indices) {
        requireOpen();
        return state.msrs(indices);
    }

    @Override
    public synchronized void msrs(List<MsrEntry> entries) {
        requireOpen();
        state.msrs(entries);
    }

    @Override
    public synchronized void cpuid(List<CpuidEntry> table) {
        requireOpen();
        cpu.cpuid.set(apic == null ? CpuidTable.withoutApic(table) : table);
        if (apic == null) return;
        Features shown = cpu.features();
        apic.features(
                shown.has(Feature.APIC),
                shown.has(Feature.X2APIC),
                shown.has(Feature.TSC_DEADLINE),
                shown.physicalBits());
    }

    @Override
    public synchronized long tscKhz() {
        requireOpen();
        return platform.tsc().khz();
    }

    // Debugging

    @Override
    public synchronized void debug(GuestDebug wanted) {
        requireOpen();
        cpu.debug.host(wanted.singleStep(), wanted.softwareBreakpoints(), wanted.breakpoints());
    }

    @Override
    public synchronized DebugEvent debugEvent() {
        requireOpen();
        return cpu.debug.event(cpu.rip);
    }

    // External interrupts

    @Override
    public synchronized boolean readyForInterrupt() {
        requireOpen();
        return cpu.loop.readyForInterrupt() && platform.acceptsExternal();
    }

    @Override
    public synchronized void interrupt(int vector) {
        requireOpen();
        cpu.loop.inject(vector);
    }

    @Override
    public synchronized void requestInterruptWindow(boolean wanted) {
        requireOpen();
        cpu.loop.interruptWindow = wanted;
        if (wanted) cpu.loop.attend();
    }

    @Override
    public synchronized void close() {
        if (runner != null) throw new IllegalStateException("vCPU " + index + " still runs");
        if (closed) return;
        closed = true;
        cpu.mmu.forget();
        codeHeap.close();
        if (apic != null) machine.apics().remove(apic);
    }
}
