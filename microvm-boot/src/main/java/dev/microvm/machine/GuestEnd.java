package dev.microvm.machine;

import dev.microvm.console.ConsoleBuffer;
import dev.microvm.hypervisor.VcpuFailedException;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.vcpu.VcpuLoop;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The end of one run of a guest; only the first report counts. Any thread may call. Methods called
 * on a vCPU's thread return at once.
 */
final class GuestEnd implements VcpuLoop.Listener {
    private static final Logger log = LoggerFactory.getLogger(GuestEnd.class);

    /** The text with which Linux begins the report of a panic: kernel/panic.c. */
    static final String KERNEL_PANIC = "Kernel panic - not syncing";

    /** Is told of the end. */
    interface Listener {
        /** The guest has ended. Called once, on the thread that noticed it; must return at once. */
        void ended(Reason reason, OptionalInt exitCode, String detail);
    }

    private final String machine;
    private final ConsoleBuffer console;
    private final long start; // position in the console
    private final Listener listener;
    private final AtomicBoolean ended = new AtomicBoolean();
    private volatile Runnable stopVcpus = () -> {};

    /** Makes one for a run that is about to start; {@code console} receives what it prints. */
    GuestEnd(String machine, ConsoleBuffer console, Listener listener) {
        this.machine = machine;
        this.console = console;
        this.start = console.position();
        this.listener = listener;
    }

    /** Sets the action that stops the vCPUs; it must return at once. */
    void onEnd(Runnable action) {
        stopVcpus = action;
    }

    /** The guest asked for a reset by the named register. */
    void reset(String by) {
        end(Reason.RESET, OptionalInt.empty(), by);
    }

    /** The guest turned itself off. */
    void poweredOff() {
        end(Reason.POWER_OFF, OptionalInt.empty(), "");
    }

    /** The guest wrote a code to the exit port. */
    void exitPort(int code) {
        end(Reason.EXIT_PORT, OptionalInt.of(code), "");
    }

    /** The guest has halted for good. */
    void halted() {
        String panic = console.lineWith(KERNEL_PANIC, start);
        end(
                Reason.HALTED,
                OptionalInt.empty(),
                "all vCPUs wait in HLT with interrupts off" + (panic == null ? "" : ", after \"" + panic + "\""));
    }

    /** The host stops the guest. */
    void stopped() {
        end(Reason.STOPPED, OptionalInt.empty(), "");
    }

    @Override
    public void shutdown(int vcpu) {
        end(Reason.TRIPLE_FAULT, OptionalInt.empty(), "vCPU " + vcpu);
    }

    /** The end first and the log last: after an OutOfMemoryError the log may fail as well. */
    @Override
    public void failed(int vcpu, Throwable cause) {
        boolean isCause = !ended.get();
        boolean byGuest = cause instanceof VcpuFailedException failure && failure.byGuest();
        end(byGuest ? Reason.GUEST_ERROR : Reason.FAILED, OptionalInt.empty(), detailOf(cause));
        if (isCause && !byGuest) log.error("machine {}: vCPU {} failed", machine, vcpu, cause);
    }

    private static String detailOf(Throwable cause) {
        String message = cause.getMessage();
        if (message == null) return cause.toString();
        return cause instanceof Error ? cause.getClass().getSimpleName() + ": " + message : message;
    }

    private void end(Reason reason, OptionalInt exitCode, String detail) {
        if (!ended.compareAndSet(false, true)) return;
        stopVcpus.run();
        String panic =
                reason == Reason.RESET || reason == Reason.TRIPLE_FAULT ? console.lineWith(KERNEL_PANIC, start) : null;
        if (panic == null) {
            listener.ended(reason, exitCode, detail);
        } else {
            listener.ended(Reason.PANIC, exitCode, panic.substring(panic.indexOf(KERNEL_PANIC)));
        }
    }
}
