package dev.microvm.boot.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** Programs of the host that check what a guest has done. */
public final class HostProgram {
    private HostProgram() {}

    /** Runs a program, which must succeed, and returns its output and errors. */
    public static String run(Object... command) throws IOException {
        Process process = builder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(exitStatus(process))
                .as("%s%n%s", Arrays.toString(command), output)
                .isZero();
        return output;
    }

    /** Runs a program without output and returns its exit status. */
    public static int status(Object... command) throws IOException {
        ProcessBuilder.Redirect nowhere = ProcessBuilder.Redirect.DISCARD;
        return exitStatus(
                builder(command).redirectOutput(nowhere).redirectError(nowhere).start());
    }

    private static ProcessBuilder builder(Object... command) {
        List<String> words = Arrays.stream(command).map(Object::toString).toList();
        return new ProcessBuilder(words);
    }

    private static int exitStatus(Process process) {
        try {
            return process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            process.destroyForcibly();
            throw new IllegalStateException(e);
        }
    }
}
