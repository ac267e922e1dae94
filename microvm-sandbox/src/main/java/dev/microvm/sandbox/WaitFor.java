package dev.microvm.sandbox;

import dev.microvm.AwaitTimeoutException;
import dev.microvm.error.MicroVmException;
import dev.microvm.event.Timeouts;
import dev.microvm.sandbox.agent.AgentChannel;
import dev.microvm.sandbox.agent.Tunnel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * What to wait for in a guest before it is used. If it does not happen in time, the error says what
 * was seen last.
 *
 * <pre>{@code
 * WaitFor.http(8080, "/health", 200).await(sandbox.agent(), Duration.ofSeconds(30));
 * }</pre>
 */
public final class WaitFor {
    private static final long PAUSE_MS = 20;
    private static final int HEAD = 512; // bytes of an HTTP answer that have its first line

    private final String what;
    private final Check check;

    /** Looks once. */
    @FunctionalInterface
    private interface Check {
        /** Returns "" if it has happened, else what was seen. */
        String look(Agent agent, Duration left);
    }

    private WaitFor(String what, Check check) {
        this.what = what;
        this.check = check;
    }

    /** The guest has printed a text on its console, since its start. */
    public static WaitFor console(String text) {
        Objects.requireNonNull(text, "text");
        return new WaitFor(
                "\"" + text + "\" on the console",
                (agent, left) -> agent.machine().console().text().contains(text) ? "" : "it was not printed");
    }

    /** A command exits with 0. */
    public static WaitFor exec(Command command) {
        Objects.requireNonNull(command, "command");
        return new WaitFor("'" + command + "' to succeed", (agent, left) -> {
            ExecResult result = agent.exec(command.timeout(left));
            return result.exitCode() == 0
                    ? ""
                    : "exit code %d: %s%s".formatted(result.exitCode(), result.stdout(), result.stderr());
        });
    }

    /** A file or folder exists. */
    public static WaitFor file(String path) {
        Objects.requireNonNull(path, "path");
        return new WaitFor(
                "the file " + path,
                (agent, left) -> Files.exists(agent.files().getPath(path)) ? "" : "it does not exist");
    }

    /** A program of the guest listens at a port of its loopback. */
    public static WaitFor port(int port) {
        return new WaitFor("port " + port, (agent, left) -> {
            try {
                Tunnel.connect(agent.channels(), port).close();
                return "";
            } catch (IOException e) {
                return String.valueOf(e.getMessage());
            }
        });
    }

    /** An HTTP server of the guest answers a GET with a status. */
    public static WaitFor http(int port, String path, int status) {
        Objects.requireNonNull(path, "path");
        return new WaitFor("status %d of http://localhost:%d%s".formatted(status, port, path), (agent, left) -> {
            CompletableFuture<Boolean> alarm = new CompletableFuture<>();
            try (AgentChannel channel = Tunnel.connect(agent.channels(), port)) {
                var _ = alarm.completeOnTimeout(true, left.toNanos(), TimeUnit.NANOSECONDS)
                        .thenAccept(late -> channel.closeIf(late));
                String request = "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n".formatted(path);
                channel.channel().write(ByteBuffer.wrap(request.getBytes(StandardCharsets.US_ASCII)));
                String line = firstLine(channel);
                String[] words = line.split(" ", 3);
                boolean answered = words.length > 1 && words[0].startsWith("HTTP/") && words[1].matches("[0-9]{3}");
                return answered && Integer.parseInt(words[1]) == status ? "" : "the answer '" + line + "'";
            } catch (ClosedChannelException e) {
                return "a connection without an answer";
            } catch (IOException e) {
                return String.valueOf(e.getMessage());
            } finally {
                alarm.complete(false);
            }
        });
    }

    private static String firstLine(AgentChannel channel) throws IOException {
        ByteBuffer head = ByteBuffer.allocate(HEAD);
        ByteBuffer early = channel.remaining();
        head.put(early.slice(early.position(), Math.min(early.remaining(), HEAD)));
        while (head.hasRemaining() && !text(head).contains("\n")) {
            if (channel.channel().read(head) < 0) break;
        }
        return text(head).lines().findFirst().orElse("");
    }

    private static String text(ByteBuffer head) {
        return StandardCharsets.ISO_8859_1.decode(head.duplicate().flip()).toString();
    }

    /**
     * Waits.
     *
     * @throws AwaitTimeoutException if it does not happen in time; the message says what was seen
     * @throws SandboxException if the guest ends first
     * @throws IllegalArgumentException if {@code timeout} is negative
     */
    public void await(Agent agent, Duration timeout) {
        Objects.requireNonNull(agent, "agent");
        long nanos = Timeouts.nanos("timeout", timeout);
        long start = System.nanoTime();
        String seen = "";
        while (true) {
            long left = nanos - (System.nanoTime() - start);
            if (left <= 0) break;
            String now;
            try {
                now = check.look(agent, Duration.ofNanos(Math.max(left, 1_000_000)));
            } catch (SandboxException e) {
                now = String.valueOf(e.getMessage());
            }
            if (now.isEmpty()) return;
            boolean cutShort = System.nanoTime() - start >= nanos; // then a look before says more
            if (seen.isEmpty() || !cutShort) seen = now;
            if (agent.machine().exitReport().isPresent()) {
                throw agent.failures().of("waiting for " + what, new IOException(now));
            }
            pause();
        }
        throw new AwaitTimeoutException("no %s within %d ms; seen last: %s%s"
                .formatted(
                        what,
                        timeout.toMillis(),
                        seen.isEmpty() ? "nothing" : seen,
                        agent.failures().lastLines()));
    }

    private void pause() {
        try {
            Thread.sleep(PAUSE_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MicroVmException("interrupted while waiting for " + what, e);
        }
    }
}
