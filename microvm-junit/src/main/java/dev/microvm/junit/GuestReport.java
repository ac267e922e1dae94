package dev.microvm.junit;

import dev.microvm.MicroVm;
import dev.microvm.PausedMachine;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.ExitReport;
import dev.microvm.sandbox.Sandbox;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What a guest was like when a test failed: its end, its registers, the last commands, and the last
 * lines of its console. Suppressed by the test's exception, so that every test report prints it. It
 * has no stack trace.
 */
public final class GuestReport extends RuntimeException {
    private static final long serialVersionUID = 1;
    private static final int CONSOLE_LINES = 20;

    private GuestReport(String text) {
        super(text, null, false, false);
    }

    /** Looks at a guest; does not fail, whatever state that is in. */
    static GuestReport of(GuestVm guest) {
        StringBuilder text = new StringBuilder("guest " + guest.name());
        Optional<Sandbox> running = guest.current();
        if (running.isEmpty()) {
            text.append(": not started");
        } else {
            MicroVm vm = running.get().machine();
            Optional<ExitReport> end = vm.exitReport();
            text.append(end.map(report -> ": ended: " + report).orElse(": running"));
            if (end.isEmpty()) section(text, "vCPUs", registers(vm));
        }
        section(text, "last commands", String.join("\n", guest.commands().entries()));
        section(text, "output of its command", String.join("\n", guest.commandOutput()));
        section(text, "console, last lines", tail(guest.consoleText()));
        return new GuestReport(text.toString());
    }

    private static void section(StringBuilder text, String title, String body) {
        if (body.isBlank()) return;
        text.append('\n').append(title).append(":\n").append(body.indent(2).stripTrailing());
    }

    /** The registers of all vCPUs; pauses the guest for a moment. */
    private static String registers(MicroVm vm) {
        StringBuilder text = new StringBuilder();
        try {
            PausedMachine paused = vm.pause();
            try {
                int vcpus = vm.spec().cpus().vcpus();
                for (int vcpu = 0; vcpu < vcpus; vcpu++) {
                    text.append("vCPU %d: cr3=%016x\n"
                            .formatted(vcpu, paused.specialRegisters(vcpu).cr3()));
                    text.append(paused.registers(vcpu).toString().indent(2));
                }
            } finally {
                vm.resume();
            }
        } catch (MicroVmException | IllegalStateException e) { // it ends at this moment, or waits for the host
            text.append("cannot be read: ").append(e.getMessage());
        }
        return text.toString();
    }

    private static String tail(String console) {
        List<String> lines = Arrays.stream(console.split("\\R"))
                .filter(line -> !line.isBlank())
                .toList();
        return String.join("\n", lines.subList(Math.max(0, lines.size() - CONSOLE_LINES), lines.size()));
    }
}
