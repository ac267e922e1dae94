package dev.microvm.cli.run;

import dev.microvm.cli.CliException;
import dev.microvm.cli.ExitHook;
import dev.microvm.cli.attach.Attached;
import dev.microvm.cli.attach.GuestCommand;
import dev.microvm.cli.attach.Signals;
import dev.microvm.cli.attach.StandardStreams;
import dev.microvm.linux.TerminalSize;
import dev.microvm.sandbox.Command;
import dev.microvm.sandbox.NetworkPolicy;
import dev.microvm.sandbox.PortForward;
import dev.microvm.sandbox.Sandbox;
import dev.microvm.sandbox.SandboxBuilder;
import dev.microvm.sandbox.root.ImageConfig;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A command in a guest with a root; the guest ends with it. */
final class SandboxRun {
    private final MachineOptions machine;
    private final GuestOptions guest;
    private final CommandOptions options;
    private final RunReport report;
    private final StandardStreams streams;

    SandboxRun(MachineOptions machine, GuestOptions guest, CommandOptions options, RunReport report) {
        this.machine = machine;
        this.guest = guest;
        this.options = options;
        this.report = report;
        this.streams = new StandardStreams(options.interactive(), options.terminal());
    }

    /** Runs it to its end, and returns the exit code. */
    int run(List<String> words, @Nullable String entrypoint) throws IOException {
        streams.check();
        SandboxBuilder builder = builder();
        try (Sandbox sandbox = builder.start()) {
            Command command = options.command(words(sandbox.image(), words, entrypoint));
            if (options.terminal()) {
                TerminalSize size = streams.size();
                command = command.terminal(size.columns(), size.rows());
            }
            List<PortForward> forwards = new ArrayList<>();
            try {
                for (PublishedPort each : machine.ports) {
                    forwards.add(sandbox.agent().forward(each.socketAddress(), each.guestPort()));
                }
                Attached attached = new GuestCommand(sandbox.start(command));
                try (var _ = new ExitHook("command", () -> attached.signal(Signals.TERM))) {
                    return streams.connect(attached, OutputStream.nullOutputStream());
                }
            } finally {
                for (PortForward each : forwards) each.close();
            }
        }
    }

    private SandboxBuilder builder() {
        SandboxBuilder builder = Sandbox.builder()
                .name(machine.name())
                .root(guest.root(report))
                .memoryMiB(machine.memory)
                .vcpus(machine.vcpus)
                .startTimeout(guest.startTimeout)
                .listener(report);
        if (machine.hypervisor != null) builder.hypervisor(machine.hypervisor);
        if (guest.hostname != null) builder.hostname(guest.hostname);
        if (guest.writes != null) builder.diskMiB(guest.writes);
        guest.copies.forEach(each -> builder.copyIn(each.from(), each.to()));
        addKernel(builder);
        addDevices(builder);
        report.preparing("the root");
        return builder;
    }

    private void addKernel(SandboxBuilder builder) {
        if (machine.initrd != null || machine.firmware != null) {
            throw new CliException(
                    "--root and --image start the kernel with an initial file system of their own",
                    "leave out --initrd and --firmware");
        }
        if (machine.kernel == null) return;
        MachineOptions.file("--kernel", machine.kernel);
        if (guest.modules == null) {
            builder.kernel(machine.kernel);
        } else {
            String name =
                    String.valueOf(guest.modules.toAbsolutePath().normalize().getFileName());
            builder.kernel(machine.kernel, guest.modules, Objects.requireNonNullElse(guest.release, name));
        }
    }

    private void addDevices(SandboxBuilder builder) {
        machine.disks.forEach(disk -> builder.machine(vm -> vm.virtioBlk(disk)));
        for (NetworkOption each : machine.networks()) {
            if (each.kind() == NetworkOption.Kind.USER) {
                builder.network(NetworkPolicy.OUTBOUND);
            } else {
                builder.drivers("virtio_net").machine(vm -> vm.virtioNet(each.backend(List.of())));
            }
        }
        if (machine.ports.stream().anyMatch(PublishedPort::udp)) {
            throw new CliException("-p: the agent forwards TCP only", "leave out /udp");
        }
        if (machine.cmdline != null) builder.machine(vm -> vm.cmdline(machine.cmdline()));
    }

    private static List<String> words(ImageConfig image, List<String> given, @Nullable String entrypoint) {
        List<String> words = new ArrayList<>(entrypoint == null ? image.entrypoint() : List.of(entrypoint));
        words.addAll(given.isEmpty() && entrypoint == null ? image.cmd() : given);
        if (words.isEmpty()) {
            throw new CliException("there is no command: the root names none", "give one after --");
        }
        return words;
    }
}
