package dev.microvm.testing;

import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What a test needs to start another JVM. */
public final class ChildJvm {
    private ChildJvm() {}

    /** The program that starts one. */
    public static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /** What this JVM runs with, on the class path or the module path. */
    public static String classPath() {
        Path target = Path.of("target").toAbsolutePath();
        return Stream.of(
                        target.resolve("test-classes").toString(),
                        target.resolve("classes").toString(),
                        System.getProperty("java.class.path"),
                        Objects.requireNonNullElse(System.getProperty("jdk.module.path"), ""))
                .flatMap(each -> List.of(each.split(File.pathSeparator)).stream())
                .filter(each -> !each.isEmpty())
                .distinct()
                .collect(Collectors.joining(File.pathSeparator));
    }
}
