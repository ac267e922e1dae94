package dev.microvm.cli.testing;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.testing.ChildJvm;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** The program in a process of its own, and a guest for it. */
public final class Microvm {
    private static final List<String> APPLETS =
            List.of("sh", "cat", "echo", "env", "hostname", "kill", "ls", "pwd", "sleep", "stty", "true", "uname");

    private static final long LIMIT_SECONDS = 120;

    private final Path runtimeFolder;
    private final List<String> launcher;

    /**
     * @param runtimeFolder for control sockets; nobody else's machines are seen
     */
    public Microvm(Path runtimeFolder) {
        this(runtimeFolder, List.of("-cp", ChildJvm.classPath(), "dev.microvm.cli.Main"));
    }

    /** The same with what java is to start, such as a jar. */
    public Microvm(Path runtimeFolder, List<String> launcher) {
        this.runtimeFolder = runtimeFolder;
        this.launcher = launcher;
    }

    /** What a run printed, and its exit code. */
    public record Result(int exitCode, String out, String err) {}

    /** Runs it to its end, with nothing to read. */
    public Result run(String... arguments) throws IOException, InterruptedException {
        return runWith("", arguments);
    }

    /** The same with something to read. */
    public Result runWith(String input, String... arguments) throws IOException, InterruptedException {
        Process process = start(arguments);
        CompletableFuture.delayedExecutor(LIMIT_SECONDS, TimeUnit.SECONDS).execute(process::destroyForcibly);
        CompletableFuture<String> err = CompletableFuture.supplyAsync(() -> {
            try {
                return new String(process.getErrorStream().readAllBytes(), UTF_8);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        process.getOutputStream().write(input.getBytes(UTF_8));
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes(), UTF_8);
        return new Result(process.waitFor(), out, err.join());
    }

    /** Starts it. */
    public Process start(String... arguments) throws IOException {
        List<String> words = new ArrayList<>(List.of(
                ChildJvm.java(),
                "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED",
                "-Dmicrovm.hypervisor=engine",
                "-Dmicrovm.root.cache=" + runtimeFolder.resolve("roots")));
        words.addAll(launcher);
        words.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(words);
        builder.environment().put("XDG_RUNTIME_DIR", runtimeFolder.toString());
        return builder.start();
    }

    /** Returns options that name a kernel: the bundled one if it is built, else Debian's with its modules. */
    public static List<String> kernel() {
        Path bundled = GuestFiles.file("busybox").resolveSibling("microvm").resolve("vmlinuz");
        if (Files.exists(bundled)) return List.of("--kernel", bundled.toString());
        try {
            return List.of(
                    "--kernel",
                    GuestFiles.file("cloud/vmlinuz").toString(),
                    "--modules",
                    GuestFiles.file("cloud/modules").toString(),
                    "--release",
                    Files.readString(GuestFiles.file("cloud/release")).strip());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Makes a root of busybox and its programs. */
    public static Path root(Path folder) throws IOException {
        Path root = folder.resolve("root");
        for (String each : List.of("bin", "proc", "sys", "dev", "tmp", "run", "etc")) {
            Files.createDirectories(root.resolve(each));
        }
        Path busybox = Files.copy(GuestFiles.file("busybox"), root.resolve("bin/busybox"));
        assertThat(busybox.toFile().setExecutable(true)).isTrue();
        for (String each : APPLETS) Files.createSymbolicLink(root.resolve("bin").resolve(each), Path.of("busybox"));
        return root;
    }

    /** Returns the words of a run of a command, as {@link #run} takes them. */
    public static String[] command(Path root, List<String> options, String... command) {
        List<String> words = new ArrayList<>(List.of("run", "--root", root.toString()));
        words.addAll(kernel());
        words.addAll(options);
        words.add("--");
        words.addAll(List.of(command));
        return words.toArray(String[]::new);
    }
}
