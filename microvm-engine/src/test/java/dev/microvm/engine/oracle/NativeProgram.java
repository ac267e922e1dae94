package dev.microvm.engine.oracle;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;

/**
 * A small program in C beside the tests, compiled when one wants it, to which it talks through
 * pipes.
 */
final class NativeProgram implements AutoCloseable {
    private static final Path SOURCES = Path.of("src/test/oracle"); // tests run in the module

    private final Path executable;
    private final Process process;
    private final OutputStream requests;
    private final InputStream answers;

    private NativeProgram(Path executable, Process process) {
        this.executable = executable;
        this.process = process;
        this.requests = new BufferedOutputStream(process.getOutputStream(), 1 << 16);
        this.answers = new BufferedInputStream(process.getInputStream(), 1 << 16);
    }

    /**
     * Compiles and starts one. Where that cannot be, it says so on standard error and skips the
     * test; with MICROVM_REQUIRE_LANES in the environment it fails on x86-64.
     *
     * @param features what the processor must have, as /proc/cpuinfo names it
     */
    static NativeProgram start(String source, Set<String> features, String... options)
            throws IOException, InterruptedException {
        boolean possible = System.getProperty("os.name").equals("Linux")
                && System.getProperty("os.arch").equals("amd64");
        if (!possible) skip("this is not Linux on x86-64", false);
        Set<String> missing = new TreeSet<>(features);
        missing.removeAll(hostFeatures());
        if (!missing.isEmpty()) skip("this processor has no " + String.join(", ", missing), false);
        Path directory = Files.createTempDirectory("oracle");
        Path executable = directory.resolve("oracle");
        List<String> command = new ArrayList<>(List.of("cc", "-O1"));
        command.addAll(List.of(options));
        command.addAll(
                List.of("-o", executable.toString(), SOURCES.resolve(source).toString()));
        try {
            Process compiler = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                    .start();
            if (!compiler.waitFor(60, TimeUnit.SECONDS) || compiler.exitValue() != 0) {
                compiler.destroyForcibly();
                throw new AssertionError("cannot compile " + source);
            }
        } catch (IOException e) {
            Files.delete(directory);
            skip("no C compiler: " + e.getMessage(), true);
        }
        Process process = new ProcessBuilder(executable.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        return new NativeProgram(executable, process);
    }

    private static Set<String> hostFeatures() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
            if (line.startsWith("flags"))
                return Set.copyOf(
                        List.of(line.substring(line.indexOf(':') + 1).trim().split(" +")));
        }
        return Set.of();
    }

    private static void skip(String reason, boolean remediable) {
        String message = "instructions are not compared with the real processor: " + reason;
        if (remediable && System.getenv("MICROVM_REQUIRE_LANES") != null) throw new AssertionError(message);
        System.err.println("*** " + message + " ***");
        assumeTrue(false, message);
    }

    void write(byte[] bytes) throws IOException {
        write(bytes, bytes.length);
    }

    void write(byte[] bytes, int count) throws IOException {
        requests.write(bytes, 0, count);
    }

    /** Sends what was written and reads an answer. */
    void read(byte[] bytes, int count) throws IOException {
        requests.flush();
        if (answers.readNBytes(bytes, 0, count) != count) throw new IOException("the oracle ended: " + process);
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly().onExit().join();
        Files.delete(executable);
        Path directory = executable.getParent();
        if (directory != null) Files.delete(directory);
    }
}
