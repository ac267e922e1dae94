package dev.microvm.sandbox;

import dev.microvm.MicroVm;
import dev.microvm.sandbox.root.ImageConfig;
import dev.microvm.sandbox.root.PreparedRoot;
import java.nio.file.FileSystem;
import java.nio.file.Path;
import java.util.Objects;

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
    private final MicroVm vm;
    private final Agent agent;
    private final PreparedRoot root;

    Sandbox(MicroVm vm, Agent agent, PreparedRoot root) {
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

    /** Stops the machine and frees all that it has. */
    @Override
    public void close() {
        vm.close();
        root.close();
    }

    @Override
    public String toString() {
        return "sandbox " + vm.name();
    }
}
