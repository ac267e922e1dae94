package dev.microvm.vcpu;

import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.GuestDebug;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuEvents;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.irq.InterruptController;
import dev.microvm.vcpu.DebugListener.Next;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One vCPU's life: runs the guest until it is told to stop, or the guest shuts down or fails. One
 * thread runs it; any thread may {@link #stop} it. {@link VcpuThreads} pauses it together with the
 * machine's other vCPUs.
 */
public final class VcpuLoop implements Runnable {
    private static final Logger log = LoggerFactory.getLogger(VcpuLoop.class);

    private static final long RFLAGS_IF = 1 << 9; // Intel SDM vol. 1, figure 3-8

    private static final GuestDebug STEP = new GuestDebug(true, false, List.of());

    /** How long a step waits whether something wakes a vCPU that has halted. */
    private static final Duration SLEEP_LIMIT = Duration.ofMillis(20);

    /** Who hears, on the vCPU's thread, that the guest ended by itself. */
    public interface Listener {
        /** A triple fault. */
        void shutdown(int vcpu);

        /** The guest cannot go on, or a device failed on the host's side. */
        void failed(int vcpu, Throwable cause);
    }

    private final Vcpu vcpu;
    private final ExitHandler handler;
    private final Listener listener;
    private final @Nullable InterruptController controller;
    private final PauseGate gate = new PauseGate();
    private volatile DebugListener debugListener = DebugListener.LOGGING;
    private volatile @Nullable VcpuExit stepExit; // of the last step; null if the vCPU slept through it
    private volatile boolean ended;
    private volatile boolean stopping;
    private volatile boolean woken; // since the vCPU last looked for interrupts
    private volatile @Nullable Thread thread;

    /**
     * Makes the loop of a vCPU whose interrupts all come from its local APIC; nothing runs before
     * {@link #run}.
     */
    public VcpuLoop(Vcpu vcpu, ExitHandler handler, Listener listener) {
        this(vcpu, handler, listener, null);
    }

    /**
     * Makes the loop of a vCPU.
     *
     * @param controller what offers it external interrupts from user space, if anything does; when
     *     its INTR rises, {@link #interruptRaised} must be called
     */
    public VcpuLoop(Vcpu vcpu, ExitHandler handler, Listener listener, @Nullable InterruptController controller) {
        this.vcpu = Objects.requireNonNull(vcpu, "vcpu");
        this.handler = Objects.requireNonNull(handler, "handler");
        this.listener = Objects.requireNonNull(listener, "listener");
        this.controller = controller;
    }

    @Override
    public void run() {
        thread = Thread.currentThread();
        gate.pass();
        try {
            while (!stopping) {
                boolean step = gate.isShut() && gate.pass();
                if (stopping || (gate.isShut() && !step)) continue;
                woken = false;
                if (controller != null) offerInterrupt(controller);
                VcpuExit exit = vcpu.run(handler); // port and MMIO exits are served inside, on handler
                if (step) stepExit = exit;
                switch (exit) {
                    case KICKED, INTERRUPT_WINDOW -> {}
                    case HALTED -> awaitInterrupt();
                    case SHUTDOWN -> {
                        stopping = true;
                        listener.shutdown(vcpu.index());
                    }
                    case DEBUG -> {
                        if (!step) tellDebugger();
                    }
                }
            }
            if (log.isDebugEnabled()) log.debug("vCPU {} stops with\n{}", vcpu.index(), vcpu.registers());
        } catch (RuntimeException | Error e) {
            if (!stopping) listener.failed(vcpu.index(), e);
        } finally {
            ended = true;
            gate.leave();
        }
    }

    private void tellDebugger() {
        gate.held(true); // first: a release may come before the listener returns
        if (debugListener.stopped(vcpu, vcpu.debugEvent()) == Next.CONTINUE) gate.held(false);
    }

    /** Waits until {@link #wake}; a pause that comes meanwhile leaves the vCPU halted. */
    private void awaitInterrupt() {
        while (!woken && !stopping) {
            if (gate.isShut()) {
                gate.pass(); // not even a step wakes it
            } else {
                Thread.interrupted(); // a pending interrupt, which some device left, would keep it from parking
                LockSupport.park(this);
            }
        }
    }

    /** Injects what is pending as soon as the guest can take it, and not before. */
    private void offerInterrupt(InterruptController from) {
        if (from.pending() && vcpu.readyForInterrupt()) vcpu.interrupt(from.acknowledge());
        vcpu.requestInterruptWindow(from.pending());
    }

    /**
     * Lets the vCPU look at its interrupt controller, whatever it does now; any thread, returns at
     * once.
     */
    public void interruptRaised() {
        woken = true; // before the kick, whose exit clears it and looks
        vcpu.kick();
        unpark();
    }

    /** Lets a vCPU that halted look for interrupts again. */
    public void wake() {
        woken = true;
        unpark();
    }

    /** Ends the loop at the next exit, which it causes; returns at once. */
    public void stop() {
        stopping = true;
        gate.openForGood();
        vcpu.kick();
        unpark();
    }

    private void unpark() {
        LockSupport.unpark(thread);
    }

    /**
     * Sends the vCPU's thread to the gate, where it waits from its next exit on; returns at once.
     */
    void pause() {
        gate.paused(true);
        vcpu.kick();
        unpark();
    }

    /**
     * Runs one instruction. The vCPU's thread must be at the gate, and is there again afterwards.
     *
     * @throws PauseFailedException if the instruction takes longer than {@code limit}, because a
     *     device keeps the vCPU
     * @throws IllegalStateException if the vCPU has ended, or not begun
     */
    StepEnd step(Duration limit) {
        if (ended || thread == null) throw new IllegalStateException("vCPU %d does not run".formatted(vcpu.index()));
        vcpu.debug(STEP);
        try {
            Optional<StepEnd> end;
            do end = runOnce(limit);
            while (end.isEmpty()); // only an interrupt controller spoke up
            return end.get();
        } finally {
            if (!ended) vcpu.debug(GuestDebug.OFF);
        }
    }

    /** Runs the guest until its next exit; returns nothing if that was not the end of a step. */
    private Optional<StepEnd> runOnce(Duration limit) {
        Duration patience = isAwake() ? limit : SLEEP_LIMIT; // asked before it runs, when it would not say
        stepExit = null;
        gate.admitOneRun();
        boolean inTime = awaitPaused(System.nanoTime() + patience.toNanos());
        if (!inTime) {
            vcpu.kick();
            if (!awaitPaused(System.nanoTime() + limit.toNanos())) {
                throw new PauseFailedException("vCPU %d does not end a step within %s".formatted(vcpu.index(), limit));
            }
        }
        if (ended) return Optional.of(StepEnd.SHUTDOWN);
        VcpuExit exit = stepExit;
        if (exit == null) return Optional.of(StepEnd.WAITING);
        return switch (exit) {
            case DEBUG -> Optional.of(isAwake() ? StepEnd.STEPPED : StepEnd.HALTED);
            case HALTED -> Optional.of(StepEnd.HALTED);
            case SHUTDOWN -> Optional.of(StepEnd.SHUTDOWN);
            case KICKED -> inTime ? Optional.empty() : Optional.of(StepEnd.WAITING);
            case INTERRUPT_WINDOW -> Optional.empty();
        };
    }

    private boolean isAwake() {
        return switch (vcpu.activity()) {
            case RUNNING, SIPI_RECEIVED -> true;
            case UNINITIALIZED, INIT_RECEIVED, HALTED -> false;
        };
    }

    /** Lets the vCPU run after {@link #pause}, unless a debugger holds it. */
    void resume() {
        gate.paused(false);
    }

    /** Keeps the vCPU from running, or lets it run again, for its share of a host CPU. */
    void throttle(boolean now) {
        gate.throttled(now);
        if (now) vcpu.kick();
    }

    /**
     * Waits until the vCPU's thread is at the gate, or has ended or not begun; {@code deadline} is
     * of the system's clock.
     */
    boolean awaitPaused(long deadline) {
        return gate.awaitOutside(deadline);
    }

    /**
     * Whether the vCPU halts with interrupts off, or waits for another to start it, so that it never
     * runs again if all do. Its thread must be at the gate.
     */
    boolean isHaltedForGood() {
        if (stopping || gate.isHeld()) return false;
        return switch (vcpu.activity()) {
            case UNINITIALIZED, INIT_RECEIVED -> true;
            case HALTED -> (vcpu.registers().rflags() & RFLAGS_IF) == 0 && !nmiIsComing();
            case RUNNING, SIPI_RECEIVED -> false;
        };
    }

    private boolean nmiIsComing() {
        VcpuEvents events = vcpu.events();
        return events.nmiPending() || events.nmiInjected();
    }

    /** Who is told of debug exits from now on. */
    void debugListener(DebugListener newListener) {
        debugListener = newListener;
    }

    /**
     * Lets a vCPU run again that stays stopped after a debug exit; other vCPUs are left as they
     * are.
     */
    void release() {
        gate.held(false);
    }
}
