package dev.microvm.sandbox;

import dev.microvm.Console;
import dev.microvm.MicroVm;
import dev.microvm.event.Timeouts;
import dev.microvm.model.VirtioDeviceSpec;
import dev.microvm.sandbox.agent.AgentChannel;
import dev.microvm.sandbox.agent.AgentErrorException;
import dev.microvm.sandbox.agent.ChannelPool;
import dev.microvm.sandbox.agent.ExecLink;
import dev.microvm.sandbox.agent.GuestSystem;
import dev.microvm.sandbox.agent.Payload;
import dev.microvm.sandbox.agent.PortStreams;
import dev.microvm.sandbox.agent.RemoteFiles;
import dev.microvm.sandbox.agent.TreeCopy;
import dev.microvm.sandbox.agent.Wire;
import dev.microvm.sandbox.files.GuestFileSystem;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.FileSystem;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The agent in a guest: runs commands there. For a machine with a socket device ({@code
 * virtioVsock}) or with {@link #CONSOLE_PORT}, whose guest runs the agent's program: {@link
 * AgentInit}. Any thread may call.
 *
 * <pre>{@code
 * Agent agent = Agent.connect(vm, Duration.ofSeconds(30));
 * System.out.println(agent.exec("uname", "-a").stdout());
 * }</pre>
 */
public final class Agent {
    /** The port of a virtio console that the agent also serves: {@code virtioConsole(CONSOLE_PORT)}. */
    public static final String CONSOLE_PORT = PortStreams.PORT;

    private static final TreeCopy.Bounds COPY_BOUNDS = new TreeCopy.Bounds(64L << 30, 1_000_000);

    private final MicroVm vm;
    private final GuestFailures failures;
    private final ChannelPool channels;
    private final RemoteFiles remoteFiles;
    private final FileSystem files;
    private final TreeCopy trees;
    private final GuestSystem system;

    Agent(MicroVm vm) {
        this.vm = vm;
        failures = new GuestFailures(vm);
        channels = new ChannelPool(opener(vm));
        remoteFiles = new RemoteFiles(channels);
        trees = new TreeCopy(channels);
        system = new GuestSystem(channels);
        files = new GuestFileSystem(remoteFiles, vm.name());
    }

    private static ChannelPool.Opener opener(MicroVm vm) {
        List<VirtioDeviceSpec> devices = vm.spec().devices().virtio();
        if (devices.stream().anyMatch(VirtioDeviceSpec.Vsock.class::isInstance)) {
            return timeout -> vm.vsock().connect(Wire.PORT, timeout);
        }
        if (devices.stream()
                .noneMatch(each -> each instanceof VirtioDeviceSpec.Console console
                        && console.ports().contains(CONSOLE_PORT))) {
            throw new IllegalStateException(
                    "machine %s has no way to an agent: virtioVsock(...), or virtioConsole(Agent.CONSOLE_PORT)"
                            .formatted(vm.name()));
        }
        Console port = vm.port(CONSOLE_PORT);
        PortStreams streams = new PortStreams(port.output(), port.input(), vm.name());
        port.onGuestClose(streams::guestClosed);
        return streams::connect;
    }

    /**
     * Waits until the agent in a started machine answers. On a machine without a socket device, call
     * it once.
     *
     * @throws SandboxException if it does not in time, or the guest ends first; the message has the
     *     console's last lines
     * @throws IllegalStateException if the machine has neither a socket device nor the port
     */
    public static Agent connect(MicroVm vm, Duration timeout) {
        Objects.requireNonNull(vm, "vm");
        long deadline = System.nanoTime() + Timeouts.nanos("timeout", timeout);
        Agent agent = new Agent(vm);
        IOException last;
        do {
            try {
                agent.ping(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
                return agent;
            } catch (IOException e) {
                last = e;
            }
            pause();
        } while (System.nanoTime() < deadline && vm.exitReport().isEmpty());
        throw agent.failures.of("no answer of the guest's agent within " + timeout.toMillis() + " ms", last);
    }

    /** The guest refuses connections until the agent listens. */
    private static void pause() {
        try {
            Thread.sleep(5);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SandboxException("interrupted while waiting for the guest's agent", e);
        }
    }

    private void ping(Duration timeout) throws IOException {
        CompletableFuture<Boolean> alarm = new CompletableFuture<>();
        try (AgentChannel channel = channels.dial(timeout)) {
            var _ = alarm.completeOnTimeout(true, timeout.toNanos(), TimeUnit.NANOSECONDS)
                    .thenAccept(late -> channel.closeIf(late));
            channel.send(Payload.of(Wire.PING));
            ByteBuffer answer = channel.answer();
            int version = answer.remaining() < Integer.BYTES ? 0 : answer.getInt();
            if (version != Wire.PROTOCOL) {
                throw new SandboxException("the guest's agent has version %d of the protocol, the host %d"
                        .formatted(version, Wire.PROTOCOL));
            }
        } finally {
            alarm.complete(false);
        }
    }

    /** Returns the machine. */
    public MicroVm machine() {
        return vm;
    }

    /**
     * Runs a command to its end: a program with its arguments, not parsed by a shell.
     *
     * @throws SandboxException as {@link #exec(Command)}
     */
    public ExecResult exec(String program, String... arguments) {
        return exec(Command.of(program, arguments));
    }

    /**
     * Runs a command to its end. Its exit code may say that it failed; that is no exception.
     *
     * @throws CommandStartException if the guest refuses to start it, such as because there is no
     *     such program
     * @throws SandboxException if its time is over, it prints more than its output limit, or the guest
     *     ends
     */
    public ExecResult exec(Command command) {
        Objects.requireNonNull(command, "command");
        Execution execution = command(command, () -> Execution.of(command, channels, 0, command.outputLimit()));
        ProcessEnd end = command(command, execution::run);
        if (execution.outputExceeded()) {
            throw new SandboxException("the command '%s' printed more than %d bytes: see Command.outputLimit"
                    .formatted(command, command.outputLimit()));
        }
        if (end.timedOut()) {
            throw new SandboxException("the command '%s' did not end within %d ms; it printed:\n%s%s"
                    .formatted(command, command.timeout().toMillis(), execution.stdout(), execution.stderr()));
        }
        return new ExecResult(end.exitCode(), execution.stdout(), execution.stderr());
    }

    /**
     * Runs a command within limits, and kills all that it leaves behind. However it ends, the result
     * says so: told by the guest's kernel and the host's own counts, never guessed from an exit code.
     *
     * @throws SandboxException if it cannot be started
     */
    public RunResult run(Command command, Limits limits) {
        Objects.requireNonNull(command, "command");
        Objects.requireNonNull(limits, "limits");
        Command limited = limited(command, limits);
        long start = System.nanoTime();
        Execution execution =
                command(command, () -> Execution.of(limited, channels, Wire.FIGURES, limits.outputBytes()));
        try {
            ProcessEnd end = execution.run();
            Duration wall = Duration.ofNanos(System.nanoTime() - start);
            CollectedFiles collected = CollectedFiles.read(remoteFiles, command.collected(), limits.outputBytes());
            return result(execution, end, wall, collected);
        } catch (AgentErrorException e) {
            throw failure(command, e);
        } catch (IOException e) {
            String detail = String.valueOf(failure(command, e).getMessage());
            return crashed(
                    execution, execution.gaveUp() ? RunResult.End.WALL_LIMIT : RunResult.End.CRASHED, detail, start);
        }
    }

    private static Command limited(Command command, Limits limits) {
        Command limited = command.killingLeftovers()
                .memoryLimit(limits.memoryBytes())
                .cpuLimit(limits.cpuTime())
                .processLimit(limits.processes());
        return limits.wallTime().isZero() ? limited : limited.timeout(limits.wallTime());
    }

    private static RunResult.End endOf(Execution execution, ProcessEnd end) {
        if (execution.outputExceeded()) return RunResult.End.OUTPUT_LIMIT;
        if (end.cpuLimitReached()) return RunResult.End.CPU_LIMIT;
        if (end.processLimitReached()) return RunResult.End.PROCESS_LIMIT;
        if (end.timedOut()) return RunResult.End.WALL_LIMIT;
        boolean failed = end.exitCode() != 0;
        if (failed && end.oomKills() > 0) return RunResult.End.OOM;
        return end.signal().isPresent() ? RunResult.End.SIGNAL : RunResult.End.EXITED;
    }

    private static RunResult result(Execution execution, ProcessEnd end, Duration wall, CollectedFiles collected) {
        return new RunResult(
                endOf(execution, end),
                end.exitCode(),
                execution.stdout(),
                execution.stderr(),
                end.cpuTime(),
                end.peakMemory(),
                wall,
                collected.contents(),
                String.join("\n", collected.problems()));
    }

    private static RunResult crashed(Execution execution, RunResult.End how, String detail, long start) {
        return new RunResult(
                how,
                -1,
                execution.stdout(),
                execution.stderr(),
                Duration.ZERO,
                0,
                Duration.ofNanos(System.nanoTime() - start),
                Map.of(),
                detail);
    }

    /**
     * Starts a command; returns when its program runs.
     *
     * @throws CommandStartException if the guest refuses to start it, such as because there is no
     *     such program
     * @throws SandboxException if the guest has ended
     */
    public GuestProcess start(Command command) {
        Objects.requireNonNull(command, "command");
        return new GuestProcess(command, open(command), failures);
    }

    /** Starts a program with its arguments: {@link #start(Command)}. */
    public GuestProcess start(String program, String... arguments) {
        return start(Command.of(program, arguments));
    }

    private ExecLink open(Command command) {
        Payload request = command.request(Wire.FIGURES);
        return command(command, () -> ExecLink.start(channels, request));
    }

    private <T> T command(Command command, Question<T> question) {
        try {
            return question.ask();
        } catch (IOException e) {
            throw failure(command, e);
        }
    }

    /** Returns why a command did not come to its end; the agent's own errors are about its start. */
    private SandboxException failure(Command command, IOException cause) {
        String what = "the command '" + command + "'";
        return cause instanceof AgentErrorException refused
                ? new CommandStartException(what + ": " + command.why(refused), refused)
                : failures.of(what, cause);
    }

    /**
     * Returns the guest's files, for {@link java.nio.file.Files}: {@code
     * Files.readString(agent.files().getPath("/etc/hostname"))}.
     */
    public FileSystem files() {
        return files;
    }

    /**
     * Copies a file of the host into a folder of the guest, or all that a folder has: with
     * permissions and times, as root's. Missing folders are made. Each file is replaced at once.
     *
     * @throws SandboxException if that fails
     */
    public void copyIn(Path from, String to) {
        Objects.requireNonNull(from, "from");
        Objects.requireNonNull(to, "to");
        run("the copy of " + from + " to " + to, () -> trees.in(from, to));
    }

    /**
     * Copies a file of the guest into a folder of the host, or all that a folder has: with
     * permissions and times, without devices. At most 64 GiB and a million entries.
     *
     * @throws SandboxException if that fails; the folder may have some of the files then
     */
    public void copyOut(String from, Path to) {
        Objects.requireNonNull(from, "from");
        Objects.requireNonNull(to, "to");
        run("the copy of " + from + " to " + to, () -> trees.out(from, to, COPY_BOUNDS));
    }

    /**
     * Removes a file, or a folder with all that it has.
     *
     * @throws SandboxException if that fails
     */
    public void removeTree(String path) {
        Objects.requireNonNull(path, "path");
        run("the removal of " + path, () -> remoteFiles.removeTree(path));
    }

    /**
     * Forwards a free port of the host's loopback to a port of the guest's loopback.
     *
     * @throws SandboxException if the host has no port
     * @throws IllegalArgumentException if a port is not 1 to 65535
     */
    public PortForward forward(int guestPort) {
        return forward(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), guestPort);
    }

    /**
     * Forwards a port of the host to a port of the guest's loopback.
     *
     * @throws SandboxException if the host cannot listen there
     * @throws IllegalArgumentException if the guest's port is not 1 to 65535
     */
    public PortForward forward(InetSocketAddress at, int guestPort) {
        Objects.requireNonNull(at, "at");
        if (guestPort < 1 || guestPort > 0xffff) {
            throw new IllegalArgumentException("guestPort: 1 to 65535, was " + guestPort);
        }
        try {
            return new PortForward(at, guestPort, channels);
        } catch (IOException e) {
            throw new SandboxException("cannot listen at %s: %s".formatted(at, e.getMessage()), e);
        }
    }

    /**
     * Returns what the guest uses.
     *
     * @throws SandboxException if it does not say it
     */
    public GuestFigures figures() {
        return call("the guest's figures", () -> GuestFigures.of(system));
    }

    /**
     * Sets the guest's name.
     *
     * @throws SandboxException if it refuses that
     */
    public void hostname(String name) {
        Objects.requireNonNull(name, "name");
        run("the name '" + name + "'", () -> system.hostname(name));
    }

    /**
     * Sets the guest's time of day, such as after a pause.
     *
     * @throws SandboxException if it refuses that
     */
    public void time(Instant now) {
        Objects.requireNonNull(now, "now");
        run("the time " + now, () -> system.time(now));
    }

    /**
     * Sets the address of a network device of the guest, and raises it.
     *
     * @param device such as {@code eth0}
     * @param prefix bits of the network, 0 to 32
     * @param gateway of the default route; null if there is none
     * @throws SandboxException if the guest refuses that
     * @throws IllegalArgumentException if {@code prefix} is out of range
     */
    public void network(String device, Inet4Address address, int prefix, @Nullable Inet4Address gateway) {
        Objects.requireNonNull(device, "device");
        Objects.requireNonNull(address, "address");
        if (prefix < 0 || prefix > 32) throw new IllegalArgumentException("prefix: 0 to 32, was " + prefix);
        run("the network device " + device, () -> system.network(device, address, prefix, gateway));
    }

    /** Mounts a directory of the host, which has this tag, in a folder of the guest. */
    void mount(String tag, String folder, boolean readOnly) {
        run("the share at " + folder, () -> system.mount(tag, folder, readOnly));
    }

    /**
     * Writes all files to the disks and turns the guest off. Returns before it has ended: {@link
     * MicroVm#awaitExit}.
     *
     * @throws SandboxException if the guest does not answer
     */
    public void powerOff() {
        run("the power-off", system::powerOff);
    }

    @FunctionalInterface
    private interface Work {
        void run() throws IOException;
    }

    @FunctionalInterface
    private interface Question<T> {
        T ask() throws IOException;
    }

    private void run(String what, Work work) {
        call(what, () -> {
            work.run();
            return true;
        });
    }

    private <T> T call(String what, Question<T> question) {
        try {
            return question.ask();
        } catch (IOException e) {
            throw failures.of(what, e);
        }
    }

    GuestFailures failures() {
        return failures;
    }

    ChannelPool channels() {
        return channels;
    }
}
