package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.cli.Main;
import dev.microvm.testing.ChildJvm;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The program in a JVM of its own, with its standard input and output. */
final class QemuProcess implements AutoCloseable {
    private static final int END_OF_STREAM = -1;

    private final Process process;
    private final Path errors;
    private final StringBuilder seen = new StringBuilder();
    private int mark;

    private QemuProcess(Process process, Path errors) {
        this.process = process;
        this.errors = errors;
    }

    /**
     * Starts it in a folder, on the tested hypervisor.
     *
     * @param line the command line; words in single or double quotes may have spaces
     */
    static QemuProcess start(Path folder, String line) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                ChildJvm.java(),
                "-Dmicrovm.hypervisor=" + Lanes.hypervisor(),
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                ChildJvm.classPath(),
                Main.class.getName(),
                "qemu"));
        command.addAll(Words.of(line));
        Path errors = Files.createTempFile(folder, "errors", "");
        return new QemuProcess(
                new ProcessBuilder(command)
                        .directory(folder.toFile())
                        .redirectError(errors.toFile())
                        .start(),
                errors);
    }

    void type(String text) throws IOException {
        process.getOutputStream().write(text.getBytes(UTF_8));
        process.getOutputStream().flush();
    }

    /** Waits until it prints a text after the last one, and returns what came before that. */
    String await(String text) throws IOException {
        InputStream printed = process.getInputStream();
        byte[] bytes = new byte[4096];
        for (int found = seen.indexOf(text, mark); ; found = seen.indexOf(text, mark)) {
            if (found >= 0) {
                String before = seen.substring(mark, found);
                mark = found + text.length();
                return before;
            }
            int length = printed.read(bytes);
            if (length == END_OF_STREAM) throw new AssertionError("\"" + text + "\" in:\n" + seen + "\n" + errors());
            seen.append(new String(bytes, 0, length, UTF_8));
        }
    }

    /** Returns its exit code, when it has ended. */
    int exitCode() throws IOException, InterruptedException {
        seen.append(new String(process.getInputStream().readAllBytes(), UTF_8));
        if (!process.waitFor(60, TimeUnit.SECONDS)) throw new AssertionError("it does not end:\n" + seen);
        return process.exitValue();
    }

    /** Returns what it said on the standard error. */
    String errors() throws IOException {
        return Files.readString(errors);
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
