package dev.microvm.vcpu;

import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.irq.InterruptController;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One vCPU's life: runs the guest until it is told to stop, or the guest shuts down or fails. One thread runs it; any
 * thread may {@link #stop} it.
 */
public final class VcpuLoop implements Runnable {
    private static final Logger log = LoggerFactory.getLogger(VcpuLoop.class);

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
    private volatile boolean stopping;
    private volatile @Nullable Thread thread;

    /** Makes the loop of a vCPU whose interrupts all come from its local APIC; nothing runs before {@link #run}. */
    public VcpuLoop(Vcpu vcpu, ExitHandler handler, Listener listener) {
        this(vcpu, handler, listener, null);
    }

    /**
     * Makes the loop of a vCPU.
     *
     * @param controller what offers it external interrupts from user space, if anything does; when its INTR rises,
     *     {@link #interruptRaised} must be called
     */
    public VcpuLoop(Vcpu vcpu, ExitHandler handler, Listener listener, @Nullable InterruptController controller) {
        this.vcpu = vcpu;
        this.handler = handler;
        this.listener = listener;
        this.controller = controller;
    }

    @Override
    public void run() {
        thread = Thread.currentThread();
        try {
            while (!stopping) {
                if (controller != null) offerInterrupt(controller);
                VcpuExit exit = vcpu.run(handler); // port and MMIO exits are served inside, on handler
                switch (exit) {
                    case KICKED, INTERRUPT_WINDOW -> {}
                    case HALTED -> {
                        if (!stopping) LockSupport.park(this); // wake() unparks
                    }
                    case SHUTDOWN -> {
                        stopping = true;
                        listener.shutdown(vcpu.index());
                    }
                    case DEBUG -> log.debug("vCPU {}: a debug exit that nobody asked for", vcpu.index());
                }
            }
            if (log.isDebugEnabled()) log.debug("vCPU {} stops with\n{}", vcpu.index(), vcpu.registers());
        } catch (RuntimeException | Error e) {
            if (!stopping) listener.failed(vcpu.index(), e);
        }
    }

    /** Injects what is pending as soon as the guest can take it, and not before. */
    private void offerInterrupt(InterruptController from) {
        if (from.pending() && vcpu.readyForInterrupt()) vcpu.interrupt(from.acknowledge());
        vcpu.requestInterruptWindow(from.pending());
    }

    /** Lets the vCPU look at its interrupt controller, whatever it does now; any thread, returns at once. */
    public void interruptRaised() {
        vcpu.kick();
        wake();
    }

    /** Lets a vCPU that halted look for interrupts again. */
    public void wake() {
        LockSupport.unpark(thread);
    }

    /** Ends the loop at the next exit, which it causes; returns at once. */
    public void stop() {
        stopping = true;
        vcpu.kick();
        wake();
    }
}
