package dev.microvm.sandbox;

import dev.microvm.Fork;
import dev.microvm.MicroVm;
import dev.microvm.error.MicroVmException;
import dev.microvm.sandbox.root.ImageConfig;
import java.nio.file.FileSystem;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A guest to work with: a machine with a root, and the agent in it. Any thread may call.
 *
 * <pre>{@code
 * try (Sandbox sandbox = Sandbox.builder()
 *         .kernel(Path.of("vmlinux"))
 *         .root(Root.directory(Path.of("alpine")))
 *         .start()) {
 *     ExecResult result = sandbox.exec("uname", "-a");
 *     System.out.println(result.stdout());
 * }
 * }</pre>
 *
 * <p>Commands have the variables, the directory and the user of the root's image where they say
 * nothing themselves.
 */
public final class Sandbox implements AutoCloseable {
    private static final Duration ANSWER = Duration.ofMinutes(1); // of a guest that runs already

    private static final Duration POWER_OFF = Duration.ofSeconds(30);
    private static final Logger log = LoggerFactory.getLogger(Sandbox.class);

    private final MicroVm vm;
    private final Agent agent;
    private final SharedRoot root;
    private final AtomicBoolean closed = new AtomicBoolean();

    Sandbox(MicroVm vm, Agent agent, SharedRoot root) {
        this.vm = vm;
        this.agent = agent;
        this.root = root;
    }

    /** Begins the description of one. */
    public static SandboxBuilder builder() {
        return new SandboxBuilder();
    }

    /** Returns the machine. */
    public MicroVm machine() {
        return vm;
    }

    /** Returns the agent, for what this class does not have. */
    public Agent agent() {
        return agent;
    }

    /** Returns what the root's image says about its program. */
    public ImageConfig image() {
        return root.config();
    }

    /** Runs a program to its end: {@link Agent#exec(String, String...)}. */
    public ExecResult exec(String program, String... arguments) {
        return exec(Command.of(program, arguments));
    }

    /** Runs a command to its end: {@link Agent#exec(Command)}. */
    public ExecResult exec(Command command) {
        return agent.exec(Objects.requireNonNull(command, "command").orElse(root.config()));
    }

    /** Starts a command: {@link Agent#start(Command)}. */
    public GuestProcess start(Command command) {
        return agent.start(Objects.requireNonNull(command, "command").orElse(root.config()));
    }

    /** Runs a command within limits: {@link Agent#run}. */
    public RunResult run(Command command, Limits limits) {
        return agent.run(Objects.requireNonNull(command, "command").orElse(root.config()), limits);
    }

    /** Returns the guest's files: {@link Agent#files}. */
    public FileSystem files() {
        return agent.files();
    }

    /** Copies files into the guest: {@link Agent#copyIn}. */
    public void copyIn(Path from, String to) {
        agent.copyIn(from, to);
    }

    /** Copies files out of the guest: {@link Agent#copyOut}. */
    public void copyOut(String from, Path to) {
        agent.copyOut(from, to);
    }

    /** Forwards a free port of the host to a port of the guest: {@link Agent#forward(int)}. */
    public PortForward forward(int guestPort) {
        return agent.forward(guestPort);
    }

    /**
     * Starts another sandbox that continues where this one is now: its processes run on, its files
     * and memory are the same, and from then on nobody sees what the other does. It shares the memory
     * that neither writes. Pauses this one for a moment. The other one has the host's time, random
     * numbers of its own where the kernel has a driver for the VM generation ID, the same name, and
     * no forwarded ports. Commands that were started from here are killed in the other one, unless
     * they are {@linkplain Command#detached detached}. For many, see {@link
     * dev.microvm.VmPool}: {@code VmPool.of(sandbox::fork, 4, 16)}.
     *
     * @throws SandboxException if the guest's agent does not answer there
     * @throws dev.microvm.error.MicroVmException if the host is not Linux on x86-64, or the machine
     *     cannot be forked
     */
    public Sandbox fork() {
        SharedRoot shared = root.forOneMore();
        MicroVm other = null;
        try (Fork moment = vm.fork()) {
            other = moment.start();
            Agent its = Agent.connect(other, ANSWER);
            its.time(Instant.now());
            return new Sandbox(other, its, shared);
        } catch (RuntimeException | Error e) {
            if (other != null) other.close();
            shared.letGo();
            throw e;
        }
    }

    /**
     * Stops the machine and frees all that it has. If changes to the root are kept in a file, the guest
     * writes first what it has in memory, for 30 s at most. Closing again does nothing.
     */
    @Override
    public void close() {
        boolean first = closed.compareAndSet(false, true);
        if (first && root.keepsChanges() && vm.exitReport().isEmpty()) powerOff();
        vm.close();
        if (first) root.letGo();
    }

    private void powerOff() {
        try {
            agent.powerOff();
            vm.awaitExit(POWER_OFF);
        } catch (MicroVmException e) { // it does not answer; its journal has what it has written
            log.warn("{}: the guest was stopped without being turned off: {}", this, e.toString());
        }
    }

    @Override
    public String toString() {
        return "sandbox " + vm.name();
    }
}
