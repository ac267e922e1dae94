package dev.microvm;

import dev.microvm.ExitReport.Reason;
import dev.microvm.vcpu.VcpuLoop;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The end of one guest: of all who report it, the first counts. Any thread may call; those that report from a vCPU's
 * thread return at once.
 */
final class GuestEnd implements VcpuLoop.Listener {
    private static final Logger log = LoggerFactory.getLogger(GuestEnd.class);

    /** What Linux prints first when it panics: kernel/panic.c. */
    private static final String KERNEL_PANIC = "Kernel panic - not syncing";

    private final String machine;
    private final ConsoleBuffer console;
    private final AtomicBoolean ended = new AtomicBoolean();
    private final CompletableFuture<ExitReport> report = new CompletableFuture<>();
    private volatile long startNanos = System.nanoTime();
    private final List<Runnable> actions = new CopyOnWriteArrayList<>();

    /** Of the machine with this name, which prints on {@code console}. */
    GuestEnd(String machine, ConsoleBuffer console) {
        this.machine = machine;
        this.console = console;
    }

    /** Adds what to do at the end, on the thread that reports it; it must return at once. */
    void onEnd(Runnable action) {
        actions.add(action);
    }

    /** The vCPUs start now. */
    void started() {
        startNanos = System.nanoTime();
    }

    CompletableFuture<ExitReport> report() {
        return report;
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

    /** The host stops the guest. */
    void stopped() {
        end(Reason.STOPPED, OptionalInt.empty(), "");
    }

    @Override
    public void shutdown(int vcpu) {
        end(Reason.TRIPLE_FAULT, OptionalInt.empty(), "vCPU " + vcpu);
    }

    @Override
    public void failed(int vcpu, Throwable cause) {
        if (!ended.get()) log.error("machine {}: vCPU {} failed", machine, vcpu, cause);
        String message = cause.getMessage();
        end(Reason.FAILED, OptionalInt.empty(), message == null ? cause.toString() : message);
    }

    private void end(Reason reason, OptionalInt exitCode, String detail) {
        if (!ended.compareAndSet(false, true)) return;
        Reason said = reason;
        String words = detail;
        if (reason == Reason.RESET || reason == Reason.TRIPLE_FAULT) {
            String panic = console.lineWith(KERNEL_PANIC);
            if (panic != null) {
                said = Reason.PANIC;
                words = panic.substring(panic.indexOf(KERNEL_PANIC));
            }
        }
        Duration uptime = Duration.ofNanos(System.nanoTime() - startNanos);
        actions.forEach(Runnable::run);
        log.info("machine {} ended: {}", machine, said);
        report.complete(new ExitReport(said, exitCode, words, uptime));
    }
}
