package dev.microvm.sandbox;

import dev.microvm.MicroVm;
import dev.microvm.VmState;
import dev.microvm.error.MicroVmException;
import dev.microvm.sandbox.agent.AgentErrorException;
import java.nio.file.FileSystemException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Says why something in a guest failed: its own error, or the end of the guest. */
final class GuestFailures {
    private static final int TAIL_LINES = 10;
    private static final long NOTICE_MS = 500;

    private final MicroVm vm;

    GuestFailures(MicroVm vm) {
        this.vm = vm;
    }

    /** @param what was done, such as {@code the command 'ls'} */
    SandboxException of(String what, Exception cause) {
        if (cause instanceof SandboxException already) return already;
        if (cause instanceof AgentErrorException) return new SandboxException(what + ": " + cause.getMessage(), cause);
        if (cause instanceof FileSystemException) return new SandboxException(what + ": " + cause, cause); // of the host
        String message = "%s: %s".formatted(what, cause.getMessage());
        if (hasEnded()) {
            String end = vm.exitReport().map(report -> ": " + report).orElse("");
            message = "%s: the guest %s ended%s".formatted(what, vm.name(), end);
        }
        return new SandboxException(message + lastLines(), cause);
    }

    /** The end of a guest is known a moment after its connections have ended. */
    private boolean hasEnded() {
        try {
            vm.onExit().toCompletableFuture().get(NOTICE_MS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            return vm.state() == VmState.CLOSED;
        }
        return vm.exitReport().isPresent() || vm.state() == VmState.CLOSED;
    }

    /** Returns the last lines of the console, for the end of a message. */
    String lastLines() {
        List<String> lines;
        try {
            lines = Arrays.stream(vm.console().text().split("\\R", -1))
                    .filter(line -> !line.isBlank())
                    .toList();
        } catch (MicroVmException | IllegalStateException e) { // there is no console to read
            return "";
        }
        if (lines.isEmpty()) return "";
        List<String> last = lines.subList(Math.max(0, lines.size() - TAIL_LINES), lines.size());
        return "; its console's last lines:\n" + String.join("\n", last);
    }
}
