package dev.microvm.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.time.Duration;

/** A process that runs a guest, whose console is its output. */
final class GuestProcess implements AutoCloseable {
    private static final double NANOS_PER_SECOND = 1e9;

    private final long start = System.nanoTime();
    private final Process process;
    private final BufferedReader out;

    GuestProcess(ProcessBuilder guest) throws IOException {
        process = guest.start();
        out = process.inputReader();
    }

    /**
     * A line of a guest, with its time and the processor time that the process had used by then.
     */
    record Mark(String line, double seconds, double cpuSeconds) {}

    /** Waits for the next line that contains a text. */
    Mark await(String text) throws IOException {
        for (String line = out.readLine(); line != null; line = out.readLine()) {
            if (!line.contains(text)) continue;
            double seconds = (System.nanoTime() - start) / NANOS_PER_SECOND;
            Duration cpu = process.info().totalCpuDuration().orElse(Duration.ZERO);
            return new Mark(line, seconds, cpu.toNanos() / NANOS_PER_SECOND);
        }
        throw new IOException(
                process.info().command().orElse("the process") + " ended before its guest printed " + text);
    }

    /** Lets the guest run to its end. */
    void awaitEnd() throws IOException {
        while (out.readLine() != null) {}
        process.onExit().join();
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join(); // so that the next process can use its tap
    }
}
