package dev.microvm.cli.run;

import dev.microvm.ConsoleTarget;
import dev.microvm.MicroVm;
import dev.microvm.cli.ExitCode;
import dev.microvm.cli.ExitHook;
import dev.microvm.model.ExitReport;
import java.util.concurrent.CompletionException;

/** A guest whose console is this process's terminal. */
final class ConsoleRun {
    private final MachineOptions options;
    private final RunReport report;

    ConsoleRun(MachineOptions options, RunReport report) {
        this.options = options;
        this.report = report;
    }

    /** Runs it to its end, and returns the exit code. */
    int run() {
        try (MicroVm vm = options.machine().serial(ConsoleTarget.stdio()).build();
                var _ = new ExitHook("machine", vm::close)) {
            report.machineBuilt(vm);
            report.consoleBegins();
            vm.start();
            return exitCode(vm.onExit().toCompletableFuture().join());
        } catch (CompletionException e) {
            throw new IllegalStateException("the report never fails", e);
        }
    }

    /** A guest that turns itself off or resets itself has done what it was to do. */
    private static int exitCode(ExitReport end) {
        boolean failed = switch (end.reason()) {
            case RESET, POWER_OFF, STOPPED, EXIT_PORT -> false;
            case TRIPLE_FAULT, PANIC, HALTED, GUEST_ERROR, FAILED -> true;
        };
        if (failed) System.err.println("microvm: the guest ended: " + end);
        return failed ? failure(end.reason()) : end.exitCode().orElse(0);
    }

    private static int failure(ExitReport.Reason reason) {
        return reason == ExitReport.Reason.FAILED ? ExitCode.FAILED : 1;
    }
}
