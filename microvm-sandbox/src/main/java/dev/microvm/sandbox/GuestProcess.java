package dev.microvm.sandbox;

import dev.microvm.event.Timeouts;
import dev.microvm.sandbox.agent.ExecLink;
import dev.microvm.sandbox.agent.OutputBuffer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A command that runs in a guest, as a {@link Process}. Each output holds up to 128 KiB that nobody
 * has read yet; then the command waits. Any thread may call.
 *
 * <p>If the guest ends first, the streams throw {@link IOException}, and {@link #waitFor()}, {@link
 * #exitValue} and {@link #end} throw {@link SandboxException}.
 */
public final class GuestProcess extends Process {
    private static final int SIGTERM = 15;
    private static final int SIGKILL = 9;

    private final String name;
    private final ExecLink link;
    private final OutputBuffer stdout;
    private final OutputBuffer stderr;
    private final CompletableFuture<ProcessEnd> end = new CompletableFuture<>();

    GuestProcess(Command command, ExecLink link, GuestFailures failures) {
        this.name = command.toString();
        this.link = link;
        stdout = new OutputBuffer(bytes -> link.grant(ExecLink.STDOUT, bytes));
        stderr = new OutputBuffer(bytes -> link.grant(ExecLink.STDERR, bytes));
        Thread.ofVirtual().name("microvm-exec-" + link.pid()).start(() -> serve(failures));
    }

    private void serve(GuestFailures failures) {
        try (link) {
            end.complete(ProcessEnd.of(link.run(stdout, stderr)));
        } catch (IOException | RuntimeException e) {
            SandboxException failure = failures.of("the command '" + name + "'", e);
            IOException reason = new IOException(failure.getMessage(), e);
            stdout.end(reason);
            stderr.end(reason);
            end.completeExceptionally(failure);
        }
    }

    /** Returns the stream to the command's standard input. */
    @Override
    public OutputStream getOutputStream() {
        return link.stdin();
    }

    /** Returns the stream of the command's standard output. */
    @Override
    public InputStream getInputStream() {
        return stdout;
    }

    /** Returns the stream of the command's standard error. */
    @Override
    public InputStream getErrorStream() {
        return stderr;
    }

    /** Returns the process ID in the guest. */
    @Override
    public long pid() {
        return link.pid();
    }

    @Override
    public int waitFor() throws InterruptedException {
        try {
            return end.get().exitCode();
        } catch (ExecutionException e) {
            throw failure(e);
        }
    }

    @Override
    public boolean waitFor(long timeout, TimeUnit unit) throws InterruptedException {
        Objects.requireNonNull(unit, "unit");
        try {
            end.get(timeout, unit);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            throw failure(e);
        }
    }

    /** Waits until it has ended, and says how. */
    public ProcessEnd end(Duration timeout) throws InterruptedException, TimeoutException {
        long nanos = Timeouts.nanos("timeout", timeout);
        try {
            return end.get(nanos, TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            throw failure(e);
        }
    }

    /** Returns the exit status; 128 plus the signal's number if a signal ended it. */
    @Override
    public int exitValue() {
        if (!end.isDone()) throw new IllegalThreadStateException("the command has not ended");
        try {
            return end.join().exitCode();
        } catch (CompletionException e) {
            throw failure(e);
        }
    }

    private static SandboxException failure(Exception e) {
        String message = String.valueOf(
                e.getCause() == null ? e.getMessage() : e.getCause().getMessage());
        return new SandboxException(message, e);
    }

    @Override
    public boolean isAlive() {
        return !end.isDone();
    }

    @Override
    public CompletableFuture<Process> onExit() {
        return end.thenApply(ignored -> this);
    }

    /** Returns a future of how it ended. */
    public CompletableFuture<ProcessEnd> onEnd() {
        return end.copy();
    }

    /** Sends SIGTERM. */
    @Override
    public void destroy() {
        kill(SIGTERM);
    }

    /** Sends SIGKILL. */
    @Override
    public Process destroyForcibly() {
        kill(SIGKILL);
        return this;
    }

    @Override
    public boolean supportsNormalTermination() {
        return true;
    }

    /**
     * Sends a signal to the command's process. Has no effect if it has ended.
     *
     * @param signal 1 to 64
     * @throws IllegalArgumentException if there is no such signal
     */
    public void kill(int signal) {
        if (signal < 1 || signal > 64) throw new IllegalArgumentException("signal: 1 to 64, was " + signal);
        link.signal(signal);
    }

    /** Kills the process and all that it started. Has no effect if it has ended. */
    public void killTree() {
        link.killTree();
    }

    /**
     * Changes the size of its terminal: {@link Command#terminal}. Has no effect if it has ended.
     *
     * @throws IllegalArgumentException if a number is not 1 to 65535
     */
    public void resize(int columns, int rows) {
        Command.checkSize(columns, rows);
        link.resize(columns, rows);
    }

    @Override
    public String toString() {
        return "command '%s', process %d of the guest".formatted(name, pid());
    }
}
