package dev.microvm.junit;

import dev.microvm.error.MicroVmException;
import dev.microvm.sandbox.Command;
import dev.microvm.sandbox.ExecResult;
import dev.microvm.sandbox.GuestProcess;
import dev.microvm.sandbox.PortForward;
import dev.microvm.sandbox.Sandbox;
import dev.microvm.sandbox.SandboxBuilder;
import dev.microvm.sandbox.WaitFor;
import dev.microvm.sandbox.root.Root;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.FileSystem;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A guest of a test: first its description, by the {@code with...} methods, and once it is started
 * the running machine. {@link MicroVms} starts and stops the guests of {@link Guest} fields and
 * parameters; a test may also do that itself, as often as it likes.
 *
 * <pre>{@code
 * try (GuestVm guest = GuestVm.of(Root.directory(Path.of("rootfs"))).start()) {
 *     assertEquals(0, guest.exec("true").exitCode());
 * }
 * }</pre>
 *
 * <p>The description is for one thread, the rest for any.
 */
public final class GuestVm implements AutoCloseable {
    private static final int DEFAULT_MEMORY = 256; // MiB, that of SandboxBuilder
    private static final int LONGEST_NAME = 40; // MicroVmBuilder.name

    private final Root root;
    private String name = "";
    private int memoryMiB = DEFAULT_MEMORY;
    private Duration startTimeout = Duration.ofMinutes(1);
    private @Nullable Command command;
    private @Nullable Object origin; // equal for guests of one description; null if it is its own
    private final List<Consumer<SandboxBuilder>> changes = new ArrayList<>();
    private final Set<Integer> exposed = new LinkedHashSet<>();
    private final List<WaitFor> waits = new ArrayList<>();
    private final List<Consumer<String>> logConsumers = new ArrayList<>();

    private final CommandLog commands = new CommandLog();
    private volatile @Nullable Run run; // the current one, or the last
    private volatile String lastConsole = ""; // of the last run

    /** What exists while the machine does. */
    private record Run(Sandbox sandbox, GuestLog log, Map<Integer, PortForward> forwards) {}

    private GuestVm(Root root) {
        this.root = root;
    }

    /** Begins the description of a guest with a root: a directory, an archive, an image, a disk. */
    public static GuestVm of(Root root) {
        return new GuestVm(Objects.requireNonNull(root, "root"));
    }

    /** Sets the name in reports and threads; by default that of the field or parameter. */
    public GuestVm withName(String value) {
        name = Objects.requireNonNull(value, "name").replaceAll("[^A-Za-z0-9._-]", "_");
        if (name.length() > LONGEST_NAME) name = name.substring(0, LONGEST_NAME);
        return this;
    }

    /** Says that all guests of this origin have this description, so that each may be a fork of one. */
    GuestVm from(Object value) {
        origin = value;
        return this;
    }

    Optional<Object> origin() {
        return Optional.ofNullable(origin);
    }

    /** Returns another guest of the same description. */
    GuestVm another(String itsName) {
        GuestVm other = new GuestVm(root).withName(itsName);
        other.memoryMiB = memoryMiB;
        other.startTimeout = startTimeout;
        other.command = command;
        other.changes.addAll(changes);
        other.exposed.addAll(exposed);
        other.waits.addAll(waits);
        return other;
    }

    GuestVm nameUnlessNamed(String value) {
        return name.isEmpty() ? withName(value) : this;
    }

    /** Sets the memory: {@link SandboxBuilder#memoryMiB}. It counts for the limit of a parallel run. */
    public GuestVm withMemoryMiB(int value) {
        memoryMiB = value;
        return withSandbox(builder -> builder.memoryMiB(value));
    }

    /** Sets the number of vCPUs; 1 if it is not set. */
    public GuestVm withVcpus(int value) {
        return withSandbox(builder -> builder.vcpus(value));
    }

    /** Sets a kernel that has all drivers built in: {@link SandboxBuilder#kernel(Path)}. */
    public GuestVm withKernel(Path file) {
        return withSandbox(builder -> builder.kernel(file));
    }

    /**
     * Boots once for all runs: the first one keeps a snapshot of the booted guest in a folder, such as
     * {@code target/templates}, and the others continue from it: {@link SandboxBuilder#template(Path)}.
     */
    public GuestVm withTemplate(Path folder) {
        Objects.requireNonNull(folder, "folder");
        return withSandbox(builder -> builder.template(folder));
    }

    /** Sets all else that {@link SandboxBuilder} has: {@code withSandbox(it -> it.diskMiB(64))}. */
    public GuestVm withSandbox(Consumer<SandboxBuilder> change) {
        changes.add(Objects.requireNonNull(change, "change"));
        return this;
    }

    /** Copies a file of the host into a folder of the guest, or all that a folder has, before it is used. */
    public GuestVm withCopyIn(Path from, String to) {
        return withSandbox(builder -> builder.copyIn(from, to));
    }

    /**
     * Starts a command in the guest before it is waited for, such as the server under test. The last
     * lines of its output are part of a failed test's report.
     */
    public GuestVm withCommand(Command value) {
        command = Objects.requireNonNull(value, "command");
        return this;
    }

    /** Forwards free ports of the host to these ports of the guest: {@link #mappedPort}. */
    public GuestVm withExposedPorts(int... guestPorts) {
        for (int each : guestPorts) exposed.add(each);
        return this;
    }

    /** Waits for something before the guest counts as started, after all that was said before. */
    public GuestVm waitingFor(WaitFor value) {
        waits.add(Objects.requireNonNull(value, "waitFor"));
        return this;
    }

    /** Sets how long the start may take, and how long each wait; one minute each if it is not set. */
    public GuestVm withStartTimeout(Duration value) {
        startTimeout = Objects.requireNonNull(value, "startTimeout");
        return withSandbox(builder -> builder.startTimeout(value));
    }

    /**
     * Hands each line of the console and of the command's output to a consumer, such as {@code
     * System.out::println}. Called on threads of the guest, one line at a time.
     */
    public GuestVm withLogConsumer(Consumer<String> lines) {
        logConsumers.add(Objects.requireNonNull(lines, "lines"));
        return this;
    }

    /**
     * Starts the machine and waits until it can be used.
     *
     * @return this
     * @throws MicroVmException if it does not start, or something that is waited for does not
     *     happen; it suppresses a {@link GuestReport}
     * @throws IllegalStateException if it is running
     */
    public synchronized GuestVm start() {
        if (isRunning()) throw new IllegalStateException("guest " + name() + " is running: stop it first");
        return use(boot(), this::settle);
    }

    /**
     * Starts a machine that continues where a guest of the same description is: its command runs, and
     * what is waited for has happened.
     *
     * @throws MicroVmException if it does not start
     */
    synchronized void startAsForkOf(GuestVm warm) {
        use(warm.sandbox().fork(), started -> {
            started.log.beginWith(warm.commandOutput());
            forwardPorts(started);
        });
    }

    private GuestVm use(Sandbox sandbox, Consumer<Run> settle) {
        Run started = new Run(sandbox, new GuestLog(name(), logConsumers), new LinkedHashMap<>());
        run = started;
        try {
            if (!logConsumers.isEmpty()) {
                started.log.follow(sandbox.machine().console().output());
            }
            settle.accept(started);
            return this;
        } catch (RuntimeException | Error e) {
            e.addSuppressed(GuestReport.of(this));
            stop();
            throw e;
        }
    }

    private Sandbox boot() {
        SandboxBuilder builder = Sandbox.builder().root(root).name(name());
        changes.forEach(change -> change.accept(builder));
        return builder.start();
    }

    private void settle(Run started) {
        Sandbox sandbox = started.sandbox;
        if (command != null) {
            GuestProcess process = sandbox.start(command.detached());
            started.log.keep(process.getInputStream());
            started.log.keep(process.getErrorStream());
        }
        forwardPorts(started);
        for (WaitFor each : waits) each.await(sandbox.agent(), startTimeout);
    }

    private void forwardPorts(Run started) {
        for (int each : exposed) started.forwards.put(each, started.sandbox.forward(each));
    }

    /** Says whether the machine was started and not stopped; its guest may have ended. */
    public boolean isRunning() {
        return run != null;
    }

    /**
     * Stops the machine as a power cut does: what the guest has not written to a disk is lost. {@link
     * #start} starts it again. Does nothing if it is not running.
     */
    public synchronized void stop() {
        Run last = run;
        if (last == null) return;
        lastConsole = last.sandbox.machine().console().text();
        run = null;
        try {
            for (PortForward each : last.forwards.values()) each.close();
        } catch (IOException e) {
            throw new MicroVmException("guest " + name() + ": a port cannot be closed: " + e.getMessage(), e);
        } finally {
            last.sandbox.close();
            last.log.awaitEnd();
        }
    }

    /** Does what {@link #stop} does. */
    @Override
    public void close() {
        stop();
    }

    /**
     * Returns the sandbox that this is around.
     *
     * @throws IllegalStateException if the guest is not running
     */
    public Sandbox sandbox() {
        return started().sandbox;
    }

    private Run started() {
        Run now = run;
        if (now == null) throw new IllegalStateException("guest " + name() + " is not running: start it first");
        return now;
    }

    /** Runs a program to its end: {@link Sandbox#exec(String, String...)}. */
    public ExecResult exec(String program, String... arguments) {
        return exec(Command.of(program, arguments));
    }

    /** Runs a command to its end: {@link Sandbox#exec(Command)}. A failed test's report has the last ones. */
    public ExecResult exec(Command toRun) {
        Sandbox sandbox = sandbox();
        return commands.run(toRun, () -> sandbox.exec(toRun));
    }

    /** Runs a line of a shell to its end: {@link Command#shell}. */
    public ExecResult shell(String line) {
        return exec(Command.shell(line));
    }

    /** Returns the guest's files: {@link Sandbox#files}. */
    public FileSystem files() {
        return sandbox().files();
    }

    /** Copies files into the guest: {@link Sandbox#copyIn}. */
    public void copyIn(Path from, String to) {
        sandbox().copyIn(from, to);
    }

    /** Copies files out of the guest: {@link Sandbox#copyOut}. */
    public void copyOut(String from, Path to) {
        sandbox().copyOut(from, to);
    }

    /** Returns the host's address of exposed ports, a loopback address. */
    public String host() {
        return InetAddress.getLoopbackAddress().getHostAddress();
    }

    /**
     * Returns the port of the host that leads to an exposed port of the guest.
     *
     * @throws IllegalArgumentException if it is not exposed
     * @throws IllegalStateException if the guest is not running
     */
    public int mappedPort(int guestPort) {
        PortForward forward = started().forwards.get(guestPort);
        if (forward == null) {
            throw new IllegalArgumentException(
                    "port %d of guest %s is not exposed: withExposedPorts(%d)".formatted(guestPort, name(), guestPort));
        }
        return forward.port();
    }

    /** Returns what the guest printed on its console; after a stop, what it had printed until then. */
    public String consoleText() {
        Run now = run;
        return now == null ? lastConsole : now.sandbox.machine().console().text();
    }

    /** Returns the name in reports and threads. */
    public String name() {
        return name.isEmpty() ? "guest" : name;
    }

    int memoryMiB() {
        return memoryMiB;
    }

    CommandLog commands() {
        return commands;
    }

    List<String> commandOutput() {
        Run now = run;
        return now == null ? List.of() : now.log.lines();
    }

    Optional<Sandbox> current() {
        return Optional.ofNullable(run).map(Run::sandbox);
    }

    @Override
    public String toString() {
        return "guest " + name();
    }
}
