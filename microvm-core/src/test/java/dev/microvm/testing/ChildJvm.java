package dev.microvm.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Helps tests to start another JVM. */
public final class ChildJvm {
    private ChildJvm() {}

    /** Returns the path of the java program. */
    public static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /**
     * Runs a program that must succeed, and returns the lines that it prints; what the JVM prints
     * is left out.
     *
     * @param folder for what goes to the standard error
     */
    public static List<String> run(List<String> command, Path folder) throws IOException, InterruptedException {
        Path errors = folder.resolve("errors");
        Process process =
                new ProcessBuilder(command).redirectError(errors.toFile()).start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        if (process.waitFor() != 0) throw new AssertionError(output + Files.readString(errors));
        return output.lines().toList();
    }

    /**
     * Returns the class path of the tests, whether they run from the class path, from the module
     * path or through a class loader of the launcher.
     */
    public static String classPath() {
        Path target = Path.of("target").toAbsolutePath();
        Stream<String> paths = Stream.of(
                target.resolve("test-classes").toString(),
                target.resolve("classes").toString(),
                System.getProperty("java.class.path"),
                Objects.requireNonNullElse(System.getProperty("jdk.module.path"), ""));
        return Stream.concat(paths.flatMap(each -> Stream.of(each.split(File.pathSeparator))), ofLoader())
                .filter(each -> !each.isEmpty())
                .distinct()
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static Stream<String> ofLoader() {
        ClassLoader loader = Thread.currentThread().getContextClassLoader();
        return loader instanceof URLClassLoader urls
                ? Arrays.stream(urls.getURLs())
                        .map(url -> Path.of(URI.create(url.toString())).toString())
                : Stream.empty();
    }
}
