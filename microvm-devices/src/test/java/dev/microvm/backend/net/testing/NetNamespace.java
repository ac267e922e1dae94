package dev.microvm.backend.net.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A network namespace of Linux's, with its own interfaces and TCP/IP, in which programs can be run.
 * It needs root.
 */
public final class NetNamespace implements AutoCloseable {
    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final int PATIENCE_SECONDS = 120;
    private static final String NEED = "network";

    private final String name = "microvm-" + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet();
    private final List<Process> running = new ArrayList<>();

    /**
     * Makes one, with its loopback up; where that cannot be, skips the test as {@link Lanes#need}
     * does.
     */
    public NetNamespace() throws IOException, InterruptedException {
        Lanes.need(NEED, problem());
        host("ip netns add " + name);
        run("ip link set lo up");
    }

    private static String problem() throws IOException, InterruptedException {
        if (!"root".equals(System.getProperty("user.name"))) return "network namespaces need root";
        for (String file : List.of("/usr/sbin/ip", "/usr/bin/busybox", "/dev/net/tun")) {
            if (!Files.exists(Path.of(file))) return "tests in network namespaces need " + file;
        }
        Result made = finish(new ProcessBuilder("unshare", "--net", "true"));
        return made.exitCode == 0 ? "" : "no network namespace can be made: " + made.output.strip();
    }

    /** Moves an interface of the host's in, as {@code eth0}. */
    public void take(String device) throws IOException, InterruptedException {
        host("ip link set " + device + " netns " + name);
        run("ip link set " + device + " name eth0 up");
    }

    /**
     * Runs a shell's command inside and returns what it prints, its errors too, and last its exit
     * code.
     */
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
