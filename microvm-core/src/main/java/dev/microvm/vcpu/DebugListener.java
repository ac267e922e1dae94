package dev.microvm.vcpu;

import dev.microvm.hypervisor.DebugEvent;
import dev.microvm.hypervisor.Vcpu;
import org.slf4j.LoggerFactory;

/** Told when a vCPU meets a breakpoint or ends a single step that {@link Vcpu#debug} asked for. */
@FunctionalInterface
public interface DebugListener {
    /** Logs the event, which nobody asked for, and lets the vCPU continue. */
    DebugListener LOGGING = (vcpu, event) -> {
        LoggerFactory.getLogger(DebugListener.class)
                .debug("vCPU {}: a debug exit that nobody asked for: {}", vcpu.index(), event);
        return Next.CONTINUE;
    };

    /**
     * Decides what the vCPU does next. Called on the vCPU's thread, outside of {@link Vcpu#run}, so
     * that its state can be read and written here; must not block.
     *
     * <p>The vCPU of a listener that says {@link Next#STAY_STOPPED} waits until {@link
     * VcpuThreads#release}, which may come while this method still runs. Until then its state
     * belongs to the thread that the listener has told.
     */
    Next stopped(Vcpu vcpu, DebugEvent event);

    /** What a vCPU does after a debug exit. */
    enum Next {
        /** Runs the guest again. */
        CONTINUE,
        /** Waits until it is released. */
        STAY_STOPPED
    }
}
