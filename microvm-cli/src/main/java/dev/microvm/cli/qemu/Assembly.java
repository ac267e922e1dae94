package dev.microvm.cli.qemu;

import dev.microvm.MicroVmBuilder;
import dev.microvm.model.Feature;
import dev.microvm.model.HaltAction;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.ResetAction;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Connects the parts of a command line when all of it is read, and checks the whole. */
final class Assembly {
    private final Invocation command;
    private final Problems problems;

    private Assembly(Invocation command) {
        this.command = command;
        this.problems = command.problems();
    }

    /** Completes a command line; what is wrong with it becomes problems. */
    static void complete(Invocation command) {
        Assembly assembly = new Assembly(command);
        assembly.machine();
        assembly.serial();
        assembly.devices();
        assembly.monitors();
        assembly.checkChardevs();
        command.vm.problems().forEach(each -> command.problems().add("machine", each));
    }

    private void machine() {
        MicroVmBuilder vm = command.vm;
        HypervisorChoice choice = Flags.hypervisor(command.machine);
        if (choice != null) vm.hypervisor(choice);
        vm.memoryMiB(command.machine.memoryMiB);
        if (command.machine.roundedUp) problems.note("-m", "rounded up to " + command.machine.memoryMiB + " MiB");
        problems.guard(
                "-smp", () -> vm.vcpus(command.machine.vcpus()).smt(command.machine.smt() ? Feature.ON : Feature.AUTO));
        if (!command.memoryBackend.isEmpty())
            problems.guard("-M memory-backend=" + command.memoryBackend, this::memory);
        problems.guard(
                "-bios " + command.firmware.file,
                () -> command.firmware.addTo(vm, Optional.ofNullable(command.kernel), problems));
        if (command.kernel != null && !command.hasCmdline) vm.cmdline("");
        vm.onReset(command.resetEnds ? ResetAction.END : ResetAction.RESTART);
        vm.onHalt(HaltAction.STAY);
    }

    private void memory() {
        MemoryBackend backend = command.memoryBackends.get(command.memoryBackend);
        if (backend == null) {
            throw new OptionException(
                    "there is no such memory backend; give it by -object memory-backend-memfd,id=...");
        }
        command.vm.ram(backend.backing(command.machine.memoryMiB));
    }

    /** QEMU's defaults for the serial port, where nobody says. */
    private void serial() {
        boolean forgotten = command.defaults && command.serials.isEmpty() && command.isaSerial && !command.daemonize;
        boolean stdioIsFree = command.chardevs.values().stream().noneMatch(each -> each.kind == Chardev.Kind.STDIO);
        if (forgotten && stdioIsFree && (command.nographic || !command.displayNone)) {
            command.serials.add(Chardev.shortForm("mon:stdio", command));
        }
        for (int i = 0; i < command.serials.size(); i++) {
            String chardev = command.serials.get(i);
            if (chardev.isEmpty()) continue;
            if (i > 0) problems.add("-serial", "there is one serial port; use -device virtserialport for more");
            else if (!command.isaSerial)
                problems.add(
                        "-serial", "there is no serial port with isa-serial=off; use -serial none, or virtconsole");
            else problems.guard("-serial", () -> command.connect(Invocation.SERIAL, chardev));
        }
    }

    private void devices() {
        command.portNames = ConsoleDevices.portNames(command.devices);
        for (Invocation.GivenDevice each : command.devices) {
            problems.guard("-device " + each.text(), () -> each.device().addTo(command));
        }
    }

    private void monitors() {
        for (Invocation.MonitorWish each : command.monitors) {
            problems.guard(each.qmp() ? "-qmp" : "-monitor", () -> command.requireChardev(each.chardev()));
        }
    }

    /** A character device has one user unless it is shared, and there is one standard input. */
    private void checkChardevs() {
        Map<String, Integer> users = new HashMap<>();
        command.connections.forEach(each -> users.merge(each.chardev(), 1, Integer::sum));
        command.monitors.forEach(each -> users.merge(each.chardev(), 1, Integer::sum));
        users.forEach((id, count) -> {
            Chardev chardev = command.chardevs.get(id);
            if (count > 1 && chardev != null && !chardev.mux) {
                problems.add("-chardev id=" + id, "has %d users; add mux=on, or give each its own".formatted(count));
            }
        });
        List<String> stdio = new ArrayList<>();
        command.chardevs.forEach((id, each) -> {
            if (each.kind == Chardev.Kind.STDIO) stdio.add(id);
        });
        if (command.daemonize && !stdio.isEmpty()) {
            problems.add(
                    "-daemonize",
                    "a process in the background has no terminal; use file:PATH, or unix:PATH,server=on,wait=off, in place"
                            + " of stdio");
        }
        if (stdio.size() > 1) {
            problems.add(
                    "stdio",
                    "is used by %d character devices; use mon:stdio for serial port and monitor, or a socket"
                            .formatted(stdio.size()));
        }
    }
}
