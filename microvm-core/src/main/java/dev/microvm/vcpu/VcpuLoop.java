package dev.microvm.vcpu;

import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuEvents;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.irq.InterruptController;
import dev.microvm.vcpu.DebugListener.Next;
import java.util.Objects;
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
                if (gate.isShut()) {
                    gate.pass();
                    continue;
                }
                woken = false;
                if (controller != null) offerInterrupt(controller);
                VcpuExit exit = vcpu.run(handler); // port and MMIO exits are served inside, on handler
                switch (exit) {
                    case KICKED, INTERRUPT_WINDOW -> {}
                    case HALTED -> awaitInterrupt();
                    case SHUTDOWN -> {
                        stopping = true;
                        listener.shutdown(vcpu.index());
                    }
                    case DEBUG -> {
                        gate.held(true); // first: a release may come before the listener returns
                        if (debugListener.stopped(vcpu, vcpu.debugEvent()) == Next.CONTINUE) gate.held(false);
                    }
                }
            }
            if (log.isDebugEnabled()) log.debug("vCPU {} stops with\n{}", vcpu.index(), vcpu.registers());
        } catch (RuntimeException | Error e) {
            if (!stopping) listener.failed(vcpu.index(), e);
        } finally {
            gate.leave();
        }
    }

    /** Waits until {@link #wake}; a pause that comes meanwhile leaves the vCPU halted. */
    private void awaitInterrupt() {
        while (!woken && !stopping) {
            if (gate.isShut()) {
                gate.pass();
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
