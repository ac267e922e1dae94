package dev.microvm.engine.oracle;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * The real processor, as a judge of ours: a small program in C, compiled when a test wants it, that runs given
 * instructions on given states. Where it cannot be had it says so on standard error, and tests are skipped.
 */
public final class NativeOracle implements AutoCloseable {
    /** Most states of a batch. */
    public static final int MOST_STATES = 4096;

    private static final Path SOURCE = Path.of("src/test/oracle/instruction-oracle.c"); // tests run in the module
    private static final byte RET = (byte) 0xc3;

    private final Path directory;
    private final Process process;
    private final OutputStream requests;
    private final InputStream answers;

    private NativeOracle(Path directory, Process process) {
        this.directory = directory;
        this.process = process;
        this.requests = new BufferedOutputStream(process.getOutputStream(), 1 << 16);
        this.answers = new BufferedInputStream(process.getInputStream(), 1 << 16);
    }

    /** Starts the oracle, or skips the test; with MICROVM_REQUIRE_LANES in the environment it fails on x86-64. */
    public static NativeOracle start() throws IOException, InterruptedException {
        boolean possible = System.getProperty("os.name").equals("Linux")
                && System.getProperty("os.arch").equals("amd64");
        if (!possible) skip("this is not Linux on x86-64", false);
        Path directory = Files.createTempDirectory("oracle");
        Path program = directory.resolve("instruction-oracle");
        try {
            Process compiler = new ProcessBuilder("cc", "-O1", "-o", program.toString(), SOURCE.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                    .start();
            if (!compiler.waitFor(60, TimeUnit.SECONDS) || compiler.exitValue() != 0) {
                compiler.destroyForcibly();
                throw new AssertionError("cannot compile " + SOURCE);
            }
        } catch (IOException e) {
            Files.delete(directory);
            skip("no C compiler: " + e.getMessage(), true);
        }
        Process process = new ProcessBuilder(program.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        return new NativeOracle(directory, process);
    }

    private static void skip(String reason, boolean remediable) {
        String message = "instructions are not compared with the real processor: " + reason;
        if (remediable && System.getenv("MICROVM_REQUIRE_LANES") != null) throw new AssertionError(message);
        System.err.println("*** " + message + " ***");
        assumeTrue(false, message);
    }

    /**
     * Runs code on each state.
     *
     * @param code instructions that change what a state holds and nothing else; a RET is added
     * @param states as many as there are in {@code count * NativeState.SIZE} bytes; replaced by those after the code
     */
    public void run(byte[] code, byte[] states, int count) throws IOException {
        ByteBuffer head = ByteBuffer.allocate(code.length + 9).order(ByteOrder.LITTLE_ENDIAN);
        head.putInt(code.length + 1).put(code).put(RET).putInt(count);
        requests.write(head.array());
        requests.write(states, 0, count * NativeState.SIZE);
        requests.flush();
        int read = answers.readNBytes(states, 0, count * NativeState.SIZE);
        if (read != count * NativeState.SIZE) throw new IOException("the oracle ended: " + process);
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly().onExit().join();
        Files.delete(directory.resolve("instruction-oracle"));
        Files.delete(directory);
    }
}
