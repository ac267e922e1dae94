package dev.microvm.sandbox;

import dev.microvm.MicroVm;
import dev.microvm.event.Timeouts;
import dev.microvm.sandbox.agent.AgentChannel;
import dev.microvm.sandbox.agent.Collector;
import dev.microvm.sandbox.agent.ExecLink;
import dev.microvm.sandbox.agent.Payload;
import dev.microvm.sandbox.agent.Wire;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent in a guest: runs commands there. For a machine with a socket device ({@code
 * virtioVsock}) whose guest runs the agent's program: {@link AgentInit}. Any thread may call.
 *
 * <pre>{@code
 * Agent agent = Agent.connect(vm, Duration.ofSeconds(30));
 * System.out.println(agent.exec("uname", "-a").stdout());
 * }</pre>
 */
public final class Agent {
    private static final Logger log = LoggerFactory.getLogger(Agent.class);
    private static final Duration ANSWER = Duration.ofSeconds(30); // the guest's driver is there

    private final MicroVm vm;
    private final GuestFailures failures;

    private Agent(MicroVm vm) {
        this.vm = vm;
        failures = new GuestFailures(vm);
    }

    /**
     * Waits until the agent in a started machine answers.
     *
     * @throws SandboxException if it does not in time, or the guest ends first; the message has the
     *     console's last lines
     * @throws IllegalStateException if the machine has no socket device
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
        try (AgentChannel channel = new AgentChannel(vm.vsock().connect(Wire.PORT, timeout))) {
            channel.send(Payload.of(Wire.PING));
            ByteBuffer answer = channel.expect(Wire.DATA);
            int version = answer.remaining() < Integer.BYTES ? 0 : answer.getInt();
            if (version != Wire.PROTOCOL) {
                throw new SandboxException("the guest's agent has version %d of the protocol, the host %d"
                        .formatted(version, Wire.PROTOCOL));
            }
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
     * @throws SandboxException if it cannot be started, its time is over, it prints more than its
     *     output limit, or the guest ends
     */
    public ExecResult exec(Command command) {
        Execution execution = new Execution(command, command.outputLimit());
        ProcessEnd end = execution.run();
        if (execution.outputExceeded()) {
            throw new SandboxException("the command '%s' printed more than %d bytes: see Command.outputLimit"
                    .formatted(command, command.outputLimit()));
        }
        if (end.timedOut()) {
            throw new SandboxException("the command '%s' did not end within %d ms; it printed:\n%s%s"
                    .formatted(command, command.timeout().toMillis(), execution.out.text(), execution.err.text()));
        }
        return new ExecResult(end.exitCode(), execution.out.text(), execution.err.text());
    }

    /**
     * Starts a command; returns when its program runs.
     *
     * @throws SandboxException if it cannot be started
     */
    public GuestProcess start(Command command) {
        return new GuestProcess(command, open(command), failures);
    }

    /** Starts a program with its arguments: {@link #start(Command)}. */
    public GuestProcess start(String program, String... arguments) {
        return start(Command.of(program, arguments));
    }

    private ExecLink open(Command command) {
        Payload request = command.request();
        try {
            return ExecLink.start(dial(), request);
        } catch (IOException e) {
            throw failures.of("the command '" + command + "'", e);
        }
    }

    AgentChannel dial() throws IOException {
        return new AgentChannel(vm.vsock().connect(Wire.PORT, ANSWER));
    }

    /** A command whose outputs are kept, on the calling thread. */
    private final class Execution {
        private final Command command;
        private final ExecLink link;
        private final Collector.Budget budget;
        private final Collector out;
        private final Collector err;

        Execution(Command command, long outputLimit) {
            this.command = command;
            link = open(command);
            budget = new Collector.Budget(outputLimit, link::killTree);
            out = new Collector(budget, bytes -> link.grant(ExecLink.STDOUT, bytes));
            err = new Collector(budget, bytes -> link.grant(ExecLink.STDERR, bytes));
        }

        boolean outputExceeded() {
            return budget.exceeded();
        }

        ProcessEnd run() {
            try (link) {
                if (command.input().length == 0) link.stdin().close();
                else Thread.ofVirtual().name("microvm-stdin-" + link.pid()).start(this::feed);
                return link.run(out, err);
            } catch (IOException e) {
                throw failures.of("the command '" + command + "'", e);
            }
        }

        /** A command need not read all of its input. */
        private void feed() {
            try (var stdin = link.stdin()) {
                stdin.write(command.input());
            } catch (IOException e) {
                log.debug("the command '{}' does not read its input: {}", command, e.toString());
            }
        }
    }
}
