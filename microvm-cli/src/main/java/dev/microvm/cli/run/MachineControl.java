package dev.microvm.cli.run;

import dev.microvm.MicroVm;
import dev.microvm.VmState;
import dev.microvm.cli.CliException;
import dev.microvm.cli.attach.Attached;
import dev.microvm.cli.attach.CommandRequest;
import dev.microvm.cli.attach.GuestCommand;
import dev.microvm.cli.attach.RecentOutput;
import dev.microvm.cli.attach.Signals;
import dev.microvm.cli.control.Controlled;
import dev.microvm.cli.control.MachineInfo;
import dev.microvm.sandbox.Sandbox;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** The machine of a run, as other processes use it. It gets its parts while it starts. */
final class MachineControl implements Controlled {
    private final MachineInfo base;
    private final RecentOutput output = new RecentOutput();
    private final CompletableFuture<Integer> commandEnd = new CompletableFuture<>();
    private volatile @Nullable MicroVm vm;
    private volatile @Nullable Sandbox sandbox;
    private volatile @Nullable Attached command;

    MachineControl(MachineInfo base) {
        this.base = base;
    }

    void built(MicroVm machine) {
        vm = machine;
    }

    void ready(Sandbox started) {
        sandbox = started;
    }

    void runs(Attached started) {
        command = started;
    }

    /** The command has ended. */
    void ended(int exitCode) {
        commandEnd.complete(exitCode);
        output.close();
    }

    /** Receives what the command prints. */
    RecentOutput output() {
        return output;
    }

    @Override
    public MachineInfo info() {
        MicroVm machine = vm;
        return new MachineInfo(
                base.name(),
                base.pid(),
                state(machine),
                machine == null ? "" : machine.hypervisor(),
                base.memoryMiB(),
                base.vcpus(),
                base.started(),
                base.root(),
                base.command());
    }

    private String state(@Nullable MicroVm machine) {
        boolean begun = base.command().isEmpty() || command != null;
        if (machine == null || machine.state() == VmState.NEW || !begun) return "starting";
        return machine.state() == VmState.PAUSED ? "paused" : "running";
    }

    @Override
    public String describe() {
        return machine().describe();
    }

    private MicroVm machine() {
        MicroVm machine = vm;
        if (machine == null) throw starting();
        return machine;
    }

    private CliException starting() {
        return new CliException("machine '%s' is still starting".formatted(base.name()), "try again in a moment");
    }

    private Sandbox sandbox() {
        if (base.command().isEmpty()) {
            throw new CliException(
                    "machine '%s' has no agent, because it was started without a root".formatted(base.name()),
                    "start it by --root or --image, or use its console");
        }
        Sandbox started = sandbox;
        if (started == null) throw starting();
        return started;
    }

    @Override
    public Attached start(CommandRequest request) {
        return new GuestCommand(sandbox().start(request.command()));
    }

    @Override
    public void copyIn(Path from, String to) throws IOException {
        Sandbox guest = sandbox();
        Path target = guest.files().getPath(to);
        boolean intoFolder = Files.isDirectory(target) || to.endsWith("/");
        if (Files.isRegularFile(from)) {
            if (intoFolder) guest.copyIn(from, to);
            else Files.copy(from, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.COPY_ATTRIBUTES);
            return;
        }
        boolean contents = from.endsWith(".") || !intoFolder;
        guest.copyIn(
                from,
                contents
                        ? to
                        : target.resolve(String.valueOf(from.getFileName())).toString());
    }

    @Override
    public void copyOut(String from, Path to) throws IOException {
        Sandbox guest = sandbox();
        Path source = guest.files().getPath(from);
        boolean intoFolder = Files.isDirectory(to);
        if (!Files.isDirectory(source)) {
            if (intoFolder) guest.copyOut(from, to);
            else Files.copy(source, to, StandardCopyOption.REPLACE_EXISTING);
            return;
        }
        boolean contents = from.endsWith("/.") || !intoFolder;
        guest.copyOut(from, contents ? to : to.resolve(String.valueOf(source.getFileName())));
    }

    @Override
    public InputStream logs(boolean console, boolean follow) {
        if (!console && !base.command().isEmpty()) return output.stream(follow);
        MicroVm machine = machine();
        return follow
                ? machine.console().output()
                : new ByteArrayInputStream(machine.console().text().getBytes(StandardCharsets.UTF_8));
    }

    /** The run ends with its command or guest. */
    @Override
    public void stop(Duration grace) {
        MicroVm machine = machine();
        Attached running = command;
        if (running == null) {
            if (base.command().isEmpty()) machine.shutDown(grace);
            else machine.stop();
            return;
        }
        running.signal(Signals.TERM);
        try {
            commandEnd.get(grace.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            running.signal(Signals.KILL);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            throw new IllegalStateException("it never fails", e);
        }
    }
}
