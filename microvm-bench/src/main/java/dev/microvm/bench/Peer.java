package dev.microvm.bench;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Path;

/**
 * A C program to compare with, in the folder of the system property {@link #PROPERTY}. It answers
 * each line with one line.
 */
final class Peer implements AutoCloseable {
    static final String PROPERTY = "microvm.bench.peers";

    private final String name;
    private final Process process;
    private final Writer in;
    private final BufferedReader out;

    Peer(String name, String program) throws IOException {
        String folder = System.getProperty(PROPERTY);
        if (folder == null) {
            throw new IllegalStateException("system property " + PROPERTY + " is not set: run by scripts/bench");
        }
        this.name = name;
        process = new ProcessBuilder(
                        Path.of(folder, name).toString(), Guests.file(program).toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        in = process.outputWriter();
        out = process.inputReader();
    }

    /** Sends a line and returns the numbers in the answer. */
    long[] ask(String line) throws IOException {
        in.write(line);
        in.write('\n');
        in.flush();
        String answer = out.readLine();
        if (answer == null) throw new EOFException("peer " + name + " ended");
        String[] words = answer.split(" ", -1);
        long[] numbers = new long[words.length];
        for (int i = 0; i < words.length; i++) numbers[i] = Long.parseLong(words[i]);
        return numbers;
    }

    @Override
    public void close() {
        process.destroy();
    }
}
