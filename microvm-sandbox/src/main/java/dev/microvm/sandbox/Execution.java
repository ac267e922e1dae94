package dev.microvm.sandbox;

import dev.microvm.sandbox.agent.Collector;
import dev.microvm.sandbox.agent.Dialer;
import dev.microvm.sandbox.agent.ExecLink;
import dev.microvm.sandbox.agent.Payload;
import dev.microvm.sandbox.agent.Wire;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A command that has been started and whose outputs are kept, on the calling thread. */
final class Execution {
    private static final Logger log = LoggerFactory.getLogger(Execution.class);

    /** How much later than the agent the host gives a command up. */
    private static final Duration GRACE = Duration.ofSeconds(20);

    private final Command command;
    private final ExecLink link;
    private final Collector.Budget budget;
    private final Collector out;
    private final Collector err;
    private volatile boolean gaveUp;

    /** Asks for a command; it may not run yet. */
    static Execution of(Command command, Dialer dialer, int flags, long outputLimit) throws IOException {
        boolean fed = command.input().length > 0;
        Payload request = command.request(fed ? flags : flags | Wire.NO_INPUT);
        ExecLink link = fed ? ExecLink.start(dialer, request) : ExecLink.ask(dialer, request);
        return new Execution(command, link, outputLimit);
    }

    private Execution(Command command, ExecLink link, long outputLimit) {
        this.command = command;
        this.link = link;
        budget = new Collector.Budget(outputLimit, link::killTree);
        out = new Collector(budget, bytes -> link.grant(ExecLink.STDOUT, bytes));
        err = new Collector(budget, bytes -> link.grant(ExecLink.STDERR, bytes));
    }

    /**
     * Waits for the end.
     *
     * @throws dev.microvm.sandbox.agent.AgentErrorException if it cannot be started
     * @throws IOException if the connection ends first
     */
    ProcessEnd run() throws IOException {
        CompletableFuture<Boolean> alarm = new CompletableFuture<>();
        if (!command.timeout().isZero()) {
            long nanos = command.timeout().plus(GRACE).toNanos();
            var _ = alarm.completeOnTimeout(true, nanos, TimeUnit.NANOSECONDS).thenAccept(late -> giveUp(late));
        }
        try (link) {
            if (command.input().length > 0)
                Thread.ofVirtual().name("microvm-stdin-" + link.pid()).start(this::feed);
            return ProcessEnd.of(link.run(out, err));
        } finally {
            alarm.complete(false);
        }
    }

    /** The agent should have ended the command by now. */
    private void giveUp(boolean late) {
        gaveUp = late;
        link.closeIf(late);
    }

    /** A command need not read all of its input. */
    private void feed() {
        try (var stdin = link.stdin()) {
            stdin.write(command.input());
        } catch (IOException e) {
            log.debug("the command '{}' does not read its input: {}", command, e.toString());
        }
    }

    /** Returns whether the agent did not end the command in time, and so the host did. */
    boolean gaveUp() {
        return gaveUp;
    }

    boolean outputExceeded() {
        return budget.exceeded();
    }

    String stdout() {
        return out.text();
    }

    String stderr() {
        return err.text();
    }
}
