package dev.microvm.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests that the committed guest programs of all modules match their sources. */
@Timeout(120)
final class GuestProgramsTest {
    private static final List<String> TOOLS = List.of("as", "ld", "objcopy", "bash");
    private static final Path PROJECT = Path.of("..").toAbsolutePath().normalize(); // Maven runs tests in the module
    private static final Path SCRIPT = PROJECT.resolve("scripts/build-guests");

    @Test
    void existForEachSource_andForNothingElse() throws IOException {
        assertThat(names(committed())).isEqualTo(names(sources()));
    }

    @Test
    void matchTheirSources_whenAssembledAgain(@TempDir Path output) throws Exception {
        List<String> missing = missingTools();
        skipLoudlyUnlessRequired(missing);

        Map<String, String> programs = contents(committed());

        String complaints = build(output);

        assertThat(complaints).isEmpty();
        assertThat(contents(files(output))).isEqualTo(programs);
    }

    /** Runs the script; returns its output, and its exit status if that is not 0. */
    private static String build(Path output) throws IOException, InterruptedException {
        Path log = Files.createTempFile("build-guests", ".log");
        try {
            Process process = new ProcessBuilder(SCRIPT.toString(), output.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            if (!process.waitFor(100, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return "build-guests did not end within 100 s";
            }
            return Files.readString(log) + (process.exitValue() == 0 ? "" : "status " + process.exitValue());
        } finally {
            Files.delete(log);
        }
    }

    private static List<String> missingTools() {
        List<Path> path = Arrays.stream(System.getenv().getOrDefault("PATH", "").split(":"))
                .map(Path::of)
                .toList();
        return TOOLS.stream()
                .filter(tool -> path.stream().noneMatch(directory -> Files.isExecutable(directory.resolve(tool))))
                .toList();
    }

    private static void skipLoudlyUnlessRequired(List<String> missing) {
        if (missing.isEmpty()) return;
        String message = "guest programs are not checked: %s not found: install the Debian package binutils"
                .formatted(String.join(", ", missing));
        if (System.getenv("MICROVM_REQUIRE_LANES") != null) throw new AssertionError(message);
        System.err.println("*** " + message + " ***");
        assumeTrue(false, message);
    }

    private static List<Path> sources() throws IOException {
        return Stream.concat(
                        ofAllModules("src/test/guest").stream(),
                        files(PROJECT.resolve("microvm-boot/src/main/guest")).stream())
                .filter(file -> file.toString().endsWith(".S"))
                .toList();
    }

    private static List<Path> committed() throws IOException {
        List<Path> programs = new ArrayList<>(ofAllModules("src/test/resources/guests"));
        programs.addAll(files(PROJECT.resolve("microvm-boot/src/main/resources/dev/microvm/boot")));
        return programs;
    }

    private static List<Path> ofAllModules(String directory) throws IOException {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> modules = Files.newDirectoryStream(PROJECT, "microvm-*")) {
            for (Path module : modules) {
                if (Files.isDirectory(module.resolve(directory))) found.addAll(files(module.resolve(directory)));
            }
        }
        return found;
    }

    private static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.toList();
        }
    }

    /** Returns the sorted file names without extensions. */
    private static List<String> names(List<Path> files) {
        return files.stream()
                .map(file -> file.getFileName().toString())
                .map(name -> name.replaceFirst("\\.[^.]*$", ""))
                .sorted()
                .toList();
    }

    /** Returns the content of files in hexadecimal, by name. */
    private static Map<String, String> contents(List<Path> files) throws IOException {
        Map<String, String> contents = new TreeMap<>();
        for (Path file : files) {
            contents.put(file.getFileName().toString(), HexFormat.of().formatHex(Files.readAllBytes(file)));
        }
        return contents;
    }
}
