package dev.microvm.devices.net.testing;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A network namespace of Linux's, with its own interfaces and TCP/IP, in which programs can be run. It needs root. */
public final class NetNamespace implements AutoCloseable {
    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final int PATIENCE_SECONDS = 120;

    private final String name = "microvm-" + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet();
    private final List<Process> running = new ArrayList<>();

    /** Makes one, with its loopback up; skips the test, loudly, where that cannot be. */
    public NetNamespace() throws IOException, InterruptedException {
        boolean possible = "root".equals(System.getProperty("user.name"))
                && Files.isExecutable(Path.of("/usr/sbin/ip"))
                && Files.isExecutable(Path.of("/usr/bin/busybox"))
                && Files.exists(Path.of("/dev/net/tun"));
        if (!possible) {
            System.err.println("*** TESTS WITH NETWORK NAMESPACES DO NOT RUN:"
                    + " they need root, ip (iproute2), busybox and /dev/net/tun ***");
        }
        assumeTrue(possible, "network namespaces need root, ip, busybox and /dev/net/tun");
        host("ip netns add " + name);
        run("ip link set lo up");
    }

    /** Moves an interface of the host's in, as {@code eth0}. */
    public void take(String device) throws IOException, InterruptedException {
        host("ip link set " + device + " netns " + name);
        run("ip link set " + device + " name eth0 up");
    }

    /** Runs a shell's command inside and returns what it prints, its errors too, and last its exit code. */
    public Result tryRun(String command) throws IOException, InterruptedException {
        return finish(new ProcessBuilder("ip", "netns", "exec", name, "bash", "-c", command));
    }

    /** The same for one that must succeed. */
    public String run(String command) throws IOException, InterruptedException {
        return checked(command, tryRun(command));
    }

    /** Starts a program inside that goes on until this is closed. */
    public Process start(String command) throws IOException {
        Process process = new ProcessBuilder("ip", "netns", "exec", name, "bash", "-c", "exec " + command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        running.add(process);
        return process;
    }

    @Override
    public void close() throws IOException {
        try {
            for (Process process : running) {
                process.destroyForcibly();
                process.waitFor();
            }
            host("ip netns del " + name);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** What a command printed and returned. */
    public record Result(String output, int exitCode) {}

    private static void host(String command) throws IOException, InterruptedException {
        checked(command, finish(new ProcessBuilder("bash", "-c", command)));
    }

    private static String checked(String command, Result result) {
        if (result.exitCode != 0) throw new AssertionError(command + ": " + result);
        return result.output;
    }

    private static Result finish(ProcessBuilder builder) throws IOException, InterruptedException {
        Path output = Files.createTempFile("netns", ".txt");
        try {
            Process process = builder.redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
                throw new AssertionError(builder.command() + " does not end: " + Files.readString(output));
            }
            return new Result(new String(Files.readAllBytes(output), UTF_8), process.exitValue());
        } finally {
            Files.delete(output);
        }
    }
}
