package dev.microvm.cli.qemu;

import dev.microvm.MicroVm;
import dev.microvm.PausedMachine;
import dev.microvm.VmState;
import dev.microvm.model.ExitReport;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Function;

/** What monitors do to the machine, and what they hear of it. Any thread may call. */
final class Control {
    /** Something that happened, with QEMU's name: qapi/run-state.json. */
    record Event(String name, Map<String, Object> data, Instant at) {}

    private static final String HOST_RESET = "host-qmp-system-reset";

    private final MicroVm vm;
    private final Invocation command;
    private final List<Consumer<Event>> listeners = new CopyOnWriteArrayList<>();
    private final CompletableFuture<Integer> exit = new CompletableFuture<>();

    // Guarded by this.
    private boolean begun;
    private boolean resetByHost;

    Control(MicroVm vm, Invocation command) {
        this.vm = vm;
        this.command = command;
        vm.onRestart(this::restarted);
        vm.onExit().thenAccept(this::ended);
        if (command.hasBalloon) {
            RateLimitedEvent changed = new RateLimitedEvent(this::tellOfBalloon);
            vm.balloon().onChange(changed::happened);
        }
    }

    MicroVm vm() {
        return vm;
    }

    Invocation command() {
        return command;
    }

    /** Completes with the exit code of the program. */
    CompletableFuture<Integer> exit() {
        return exit;
    }

    void listen(Consumer<Event> listener) {
        listeners.add(listener);
    }

    void ignore(Consumer<Event> listener) {
        listeners.remove(listener);
    }

    private void tell(String name, Map<String, Object> data) {
        Event event = new Event(name, data, Instant.now());
        listeners.forEach(each -> each.accept(event));
    }

    private void tellOfBalloon() {
        tell("BALLOON_CHANGE", Map.of("actual", memoryWithoutBalloon()));
    }

    /** Returns what the balloon leaves to the guest, in bytes: what QEMU calls the actual size of the balloon. */
    long memoryWithoutBalloon() {
        return (long) (command.machine.memoryMiB - vm.balloon().actualMiB()) << 20;
    }

    /** Returns the state by QEMU's name: RunState of qapi/run-state.json. */
    synchronized String status() {
        return switch (vm.state()) {
            case ENDED, CLOSED -> "shutdown";
            case PAUSED -> begun ? "paused" : "prelaunch";
            case NEW, RUNNING -> "running";
        };
    }

    boolean isRunning() {
        return status().equals("running");
    }

    /** Pauses the guest. */
    void stop() {
        requireMachine();
        if (!isRunning()) return;
        vm.pause();
        tell("STOP", Map.of());
    }

    /** Lets the guest run, also the first time. */
    void cont() {
        requireMachine();
        synchronized (this) {
            begun = true;
        }
        if (vm.state() != VmState.PAUSED) return;
        vm.resume();
        tell("RESUME", Map.of());
    }

    /** Presses the power button. */
    void powerDown() {
        requireMachine();
        vm.pressPowerButton();
        tell("POWERDOWN", Map.of());
    }

    /** Resets the machine; with -no-reboot that ends it. */
    void reset() {
        requireMachine();
        synchronized (this) {
            resetByHost = true;
        }
        vm.reset();
    }

    private synchronized boolean takeResetByHost() {
        boolean was = resetByHost;
        resetByHost = false;
        return was;
    }

    private void restarted() {
        boolean host = takeResetByHost();
        tell("RESET", QmpServer.ordered("guest", !host, "reason", host ? HOST_RESET : "guest-reset"));
    }

    /**
     * Ends the machine and the program.
     *
     * @param reason QEMU's name for it: ShutdownCause of qapi/run-state.json
     */
    void quit(String reason) {
        if (exit.isDone()) return;
        tell("SHUTDOWN", QmpServer.ordered("guest", false, "reason", reason));
        vm.stop();
        exit.complete(0);
    }

    private void ended(ExitReport report) {
        if (report.reason() == ExitReport.Reason.STOPPED) return; // by quit, which knows more
        boolean host = takeResetByHost();
        String reason = switch (report.reason()) {
            case RESET -> host ? HOST_RESET : "guest-reset";
            case TRIPLE_FAULT, PANIC -> "guest-reset";
            case POWER_OFF, EXIT_PORT, HALTED, GUEST_ERROR, FAILED, STOPPED -> "guest-shutdown";
        };
        tell("SHUTDOWN", QmpServer.ordered("guest", !host, "reason", reason));
        int code = ExitCodes.of(report);
        if (command.staysAfterShutdown && code == 0) {
            tell("STOP", Map.of());
            return;
        }
        if (code != 0 && report.exitCode().isEmpty()) System.err.println("microvm qemu: the guest ended: " + report);
        exit.complete(code);
    }

    /** Looks at the guest while it is paused, and lets it continue if it ran. */
    <T> T whilePaused(Function<PausedMachine, T> look) {
        requireMachine();
        boolean ran = isRunning();
        PausedMachine paused = vm.pause();
        try {
            return look.apply(paused);
        } finally {
            if (ran) vm.resume();
        }
    }

    private void requireMachine() {
        if (vm.state() == VmState.ENDED || vm.state() == VmState.CLOSED) {
            throw new OptionException("the guest has shut down, and this machine cannot start again; use quit");
        }
    }
}
