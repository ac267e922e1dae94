package dev.microvm.cli.run;

import dev.microvm.cli.CliException;
import dev.microvm.cli.ExitHook;
import dev.microvm.cli.attach.Attached;
import dev.microvm.cli.attach.CommandOptions;
import dev.microvm.cli.attach.CommandRequest;
import dev.microvm.cli.attach.GuestCommand;
import dev.microvm.cli.attach.Signals;
import dev.microvm.cli.attach.StandardStreams;
import dev.microvm.cli.control.ControlServer;
import dev.microvm.sandbox.NetworkPolicy;
import dev.microvm.sandbox.PortForward;
import dev.microvm.sandbox.Sandbox;
import dev.microvm.sandbox.SandboxBuilder;
import dev.microvm.sandbox.root.ImageConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A command in a guest with a root; the guest ends with it. */
final class SandboxRun {
    /** The command line of sandboxes, but with the kernel's messages and their times. */
    private static final String LOGGING = "console=ttyS0 loglevel=7 printk.time=1 reboot=k panic=-1 cryptomgr.notests";

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
        this.streams = options.streams();
    }

    /** Runs it to its end, and returns the exit code. */
    int run(List<String> words, @Nullable String entrypoint) throws IOException {
        streams.check();
        String shown = words.isEmpty() ? "(the image's)" : String.join(" ", words);
        MachineControl control = new MachineControl(machine.info(guest.rootName(), shown));
        report.whenBuilt(control::built);
        SandboxBuilder builder = checked();
        try (var _ = ControlServer.start(machine.name(), control);
                Sandbox sandbox = builder.start();
                Forwards forwards = new Forwards()) {
            control.ready(sandbox);
            CommandRequest request = options.request(words(sandbox.image(), words, entrypoint));
            for (PublishedPort each : machine.ports) forwards.add(sandbox, each);
            Attached command = new GuestCommand(sandbox.start(request.command()));
            report.commandStarted();
            return run(command, control);
        }
    }

    private int run(Attached command, MachineControl control) throws IOException {
        control.runs(command);
        try (var _ = new ExitHook("command", () -> command.signal(Signals.TERM))) {
            int code = streams.connect(command, control.output());
            control.ended(code);
            return code;
        }
    }

    /** Ports that lead into the guest. */
    private static final class Forwards implements AutoCloseable {
        private final List<PortForward> all = new ArrayList<>();

        void add(Sandbox sandbox, PublishedPort port) {
            all.add(sandbox.agent().forward(port.socketAddress(), port.guestPort()));
        }

        @Override
        public void close() throws IOException {
            for (PortForward each : all) each.close();
        }
    }

    /** The values of options are within their bounds, or it is the user's mistake. */
    private SandboxBuilder checked() {
        try {
            return builder();
        } catch (IllegalArgumentException e) {
            throw new CliException(String.valueOf(e.getMessage()), "microvm run --help names the options");
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
        machine.shares().forEach(each -> builder.share(each.directory(), each.folder()));
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
        if (report.needsKernelLog()) builder.machine(vm -> vm.cmdline(LOGGING));
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
